"""Print where the report is and what it says in a few lines: `python -m tools.headline`."""

from pathlib import Path

from stages.lib.files import read_json

EXPLAINED = {"image": "split by file, as the original study did", "grouped": "split by group of sibling images"}


def main():
    metrics = {protocol: read_json(Path("reports", protocol, "metrics.json")) for protocol in EXPLAINED}
    print("\nprotocol   accuracy   balanced   macro F1   macro AUC")
    for protocol, values in metrics.items():
        macro = values["macro"]
        print(
            f"{protocol:<10} {values['accuracy']:8.3f} {values['balanced_accuracy']:10.3f} {macro['f1']:10.3f} "
            f"{macro['auc']:11.3f}   {EXPLAINED[protocol]}"
        )
    if any(values["synthetic"] for values in metrics.values()):
        print("These are drawn cells: the figures say that the pipeline works, nothing about blood.")
    print(
        f"\nThe report: {Path('reports/README.md').resolve()}\nFor a browser: "
        f"{Path('reports/index.html').resolve().as_uri()}"
    )


if __name__ == "__main__":
    main()
