/* What pyuv 1.4.0 uses of CPython's C API and CPython 3.10 to 3.13 took away.
 *
 * pyuv's last release is of 2017. It compiles unchanged once this file is put in front of every
 * one of its sources:
 *
 *     CFLAGS="-include '/path/to/pyuv_compat.h'" pip install --no-cache-dir pyuv==1.4.0
 *
 * The same flag reaches the C files of libuv that pyuv brings along. They use none of these
 * names, and Python.h asks for no fewer of the system's features than they do themselves.
 */
#ifndef PYUV_COMPAT_H
#define PYUV_COMPAT_H

/* pyuv defines this before it includes Python.h. Here Python.h is included first, so it has to be
 * defined here: without it "s#" would fill an int where pyuv passes a Py_ssize_t. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#ifdef Py_GIL_DISABLED
#error "pyuv 1.4.0 relies on the GIL: use a CPython built with it"
#endif

/* 3.10: Py_REFCNT() became a function, but pyuv assigns to it where it brings a handle that is
 * still open back to life until libuv has closed it. The object is at that moment known to nobody
 * but its deallocator, so that a plain store to the field is what CPython's own Py_SET_REFCNT()
 * would do. */
#undef Py_REFCNT
#define Py_REFCNT(object) (((PyObject *) (object))->ob_refcnt)

/* 3.11 removed PyUnicode_EncodeUTF8(), 3.12 the Py_UNICODE representation that it read. pyuv has a
 * single call, PyUnicode_EncodeUTF8(PyUnicode_AS_UNICODE(s), PyUnicode_GET_SIZE(s), errors): let
 * the first argument be the string itself, and encode that. Its length is then not asked for. */
#undef PyUnicode_AS_UNICODE
#define PyUnicode_AS_UNICODE(string) (string)
#undef PyUnicode_EncodeUTF8
#define PyUnicode_EncodeUTF8(string, size, errors) \
    PyUnicode_AsEncodedString((string), "utf-8", (errors))

/* 3.13 removed PyEval_InitThreads(). The interpreter has made its GIL by itself since 3.7. */
#undef PyEval_InitThreads
#define PyEval_InitThreads() ((void) 0)

#endif
