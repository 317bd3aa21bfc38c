"""A stand-in for a mounted drive: a folder that can be told to hang, to take its time, and to say what it was asked."""
