"""hooks.py FILE: draws the order of the hooks of a fit, as an SVG."""

import sys
from html import escape

BOTH, MODULE, CALLBACKS, DATA, PLAIN = "both", "module", "callbacks", "data", "plain"
COLOURS = {BOTH: "#2563eb", MODULE: "#c2410c", CALLBACKS: "#15803d", DATA: "#7e22ce",
           PLAIN: "#6b7280"}
# A row is (text, kind); a list is a box: its title, then its rows.
FIT = ["trainer.fit(module, …)",
       ("configure_callbacks", MODULE),
       ("prepare_data, setup", DATA),
       ("setup", BOTH),
       ("configure_model, configure_optimizers", MODULE),
       ("on_fit_start", BOTH),
       ("sanity check: on_sanity_check_start … end", CALLBACKS),
       ("on_train_start", BOTH),
       ["each epoch",
        ("on_train_epoch_start", BOTH),
        ["each batch",
         ("transfer hooks", MODULE),
         ("on_train_batch_start", BOTH),
         ["optimizer_step: its closure runs",
          ("training_step", MODULE),
          ("on_before_zero_grad", BOTH),
          ("optimizer_zero_grad", MODULE),
          ("on_before_backward", BOTH),
          ("backward", MODULE),
          ("on_after_backward", BOTH),
          ("on_before_optimizer_step", BOTH),
          ("configure_gradient_clipping", MODULE),
          ("the optimizer steps", PLAIN)],
         ("lr_scheduler_step, if one steps now", MODULE),
         ("on_train_batch_end", BOTH),
         ("step metrics go to the loggers", PLAIN),
         ("validation, if due", PLAIN)],
        ("on_train_epoch_end", BOTH),
        ("epoch metrics go to the loggers", PLAIN)],
       ("on_train_end", BOTH),
       ("on_fit_end", BOTH),
       ("teardown", BOTH)]
EVALUATION = ["a validation, test or prediction",
              ("on_x_model_eval", MODULE),
              ("on_x_start", BOTH),
              ("on_x_epoch_start", BOTH),
              ["each batch of each loader",
               ("transfer hooks", MODULE),
               ("on_x_batch_start", BOTH),
               ("x_step", MODULE),
               ("on_x_batch_end", BOTH)],
              ("on_x_epoch_end", BOTH),
              ("epoch metrics go to the loggers", PLAIN),
              ("on_x_end", BOTH),
              ("on_x_model_train", MODULE)]
MANUAL = ["training_step, optimizing by hand",
          ("your own code, in your own order:", PLAIN),
          ["manual_backward(loss)",
           ("on_before_backward", BOTH),
           ("backward", MODULE),
           ("on_after_backward", BOTH)],
          ["step() of an optimizer",
           ("its closure, where it has one", PLAIN),
           ("on_before_optimizer_step", BOTH),
           ("the optimizer steps: global_step + 1", PLAIN)],
          ("zero_grad, clipping, steps of schedules", PLAIN)]
LEGEND = ["who has it",
          ("callbacks first, then the module", BOTH),
          ("the module alone", MODULE),
          ("the callbacks alone", CALLBACKS),
          ("the data module, then the module", DATA),
          ("no hook", PLAIN)]
ROW, PAD, INDENT = 22, 8, 16


def draw(box, x, y, width, out, depth=0):
    """Draws a box at (x, y); gives back its height."""
    at = len(out)
    out.append("")
    out.append(f'<text x="{x + 12}" y="{y + 19}" class="title">{escape(box[0])}</text>')
    bottom = y + 30
    for row in box[1:]:
        if isinstance(row, list):
            bottom += draw(row, x + INDENT, bottom + 2, width - INDENT - 10, out,
                           depth + 1) + PAD
        else:
            out.append(f'<circle cx="{x + 18}" cy="{bottom + 9}" r="5" '
                       f'fill="{COLOURS[row[1]]}"/>')
            out.append(f'<text x="{x + 32}" y="{bottom + 14}">{escape(row[0])}</text>')
            bottom += ROW
    height = bottom - y + 4
    fill = ("#ffffff", "#f3f6fb", "#e6edf8", "#d8e4f5")[depth]
    out[at] = (f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" '
               f'fill="{fill}" stroke="#94a3b8"/>')
    return height


def main():
    out = []
    left = draw(FIT, 10, 10, 420, out)
    right = draw(EVALUATION, 450, 10, 330, out)
    manual = draw(MANUAL, 450, right + 30, 330, out)
    legend = draw(LEGEND, 450, right + manual + 50, 330, out)
    height = max(left, right + manual + legend + 40) + 20
    body = "\n".join(out)
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 790 {height}" '
            f'width="790" height="{height}" font-family="sans-serif" font-size="14">\n'
            "<style>.title{font-weight:bold}</style>\n"
            f'<rect width="790" height="{height}" fill="#ffffff"/>\n{body}\n</svg>\n')


main()
