"""The apps that a manager runs beside its processes, one file each."""
