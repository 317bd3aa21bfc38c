"""Succeeds on a second attempt, catches a lasting failure, and breaks unless told not to."""

from metaflow import FlowSpec, IncludeFile, Parameter, card, catch, current, retry, step
from metaflow.cards import Markdown


class Stumble(FlowSpec):
    """Falls in three ways."""

    mended = Parameter("mended", default="/nonexistent")
    source = IncludeFile("source", default=__file__)
    raw = IncludeFile("raw", default=__file__, is_text=False)

    @card(type="blank")
    @retry(times=1, minutes_between_retries=0)
    @step
    def start(self):
        current.card.append(Markdown(f"made by attempt {current.retry_count}"))
        current.card.refresh()
        if current.retry_count == 0:
            raise RuntimeError("the first attempt always fails")
        self.next(self.hopeless)

    @catch(var="failure")
    @retry(times=0)
    @step
    def hopeless(self):
        if self.mended:
            raise RuntimeError("this step never works")
        self.next(self.bridge)

    @step
    def bridge(self):
        import pathlib

        if not pathlib.Path(self.mended).exists():
            raise RuntimeError("the bridge is broken")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Stumble()
