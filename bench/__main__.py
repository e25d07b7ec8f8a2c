"""Measures every figure and prints it beside its limit. Takes some minutes."""

from bench import pages, streams


def main() -> None:
    for measure in (pages.measure, streams.measure):
        for row in measure():
            print(row, flush=True)


if __name__ == "__main__":
    main()
