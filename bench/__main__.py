"""Measures every figure and prints it beside its limit. Takes about an hour."""

from bench import documents, limits, pages, renewals, streams


def main() -> None:
    for measure in (
        pages.measure,
        streams.measure,
        limits.measure,
        renewals.measure,
        documents.measure,
    ):
        for row in measure():
            print(row, flush=True)


if __name__ == "__main__":
    main()
