#pragma once

// All callbacks.

#include <torchbolt/callbacks/early_stopping.h>
#include <torchbolt/callbacks/lambda_callback.h>
#include <torchbolt/callbacks/model_summary.h>
#include <torchbolt/callbacks/progress_bar.h>
#include <torchbolt/callbacks/summarize.h>
#include <torchbolt/callbacks/timer.h>
