"""Arrays that another library owns and hands over by DLPack alone."""


class DLPackOnly:
    def __init__(self, x):
        self._x = x

    def __dlpack__(self, **keywords):
        return self._x.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self._x.__dlpack_device__()
