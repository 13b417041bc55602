"""As whom a process runs: names of users and groups become numbers."""

from __future__ import annotations

import grp
import os
import pwd


class Credentials:
    """The user and groups to run as, looked up once, so that an unknown name is refused at once.

    `uid` and `gid` are numbers or names. With a user alone, the group and the supplementary groups
    are that user's. Raises ValueError for a name that the system doesn't know.
    """

    __slots__ = ("gid", "groups", "uid")

    def __init__(self, uid: int | str | None, gid: int | str | None) -> None:
        self.uid: int | None = None
        self.gid: int | None = None
        self.groups: list[int] | None = None
        if gid is not None:
            self.gid = _group_id(gid)
            self.groups = [self.gid]
        if uid is not None:
            try:
                user = pwd.getpwnam(uid) if isinstance(uid, str) else pwd.getpwuid(uid)
            except KeyError:
                if isinstance(uid, str):
                    raise ValueError(f"no such user: {uid!r}") from None
                self.uid = uid  # a number needs no entry
                self.groups = self.groups or []
            else:
                self.uid = user.pw_uid
                self.gid = user.pw_gid if self.gid is None else self.gid
                self.groups = os.getgrouplist(user.pw_name, self.gid)
        if os.geteuid() != 0:
            self.groups = None  # only root may set them; for itself a user has them already

    def __str__(self) -> str:
        return f"group {self.gid}" if self.uid is None else f"user {self.uid}"


def _group_id(gid: int | str) -> int:
    if isinstance(gid, int):
        return gid
    try:
        return grp.getgrnam(gid).gr_gid
    except KeyError:
        raise ValueError(f"no such group: {gid!r}") from None
