"""A clock that only contenders move, so that times in tests are known."""


class FakeClock:
    """Returns the seconds that the calls made by `work` have taken, each as long as it says."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def work(self, seconds):
        """Return a callable that takes a time: a number, or a function of nothing."""

        def call():
            self.now += seconds() if callable(seconds) else seconds

        return call
