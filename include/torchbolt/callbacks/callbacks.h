#pragma once

// All callbacks.

#include <torchbolt/callbacks/backbone_finetuning.h>
#include <torchbolt/callbacks/base_finetuning.h>
#include <torchbolt/callbacks/base_prediction_writer.h>
#include <torchbolt/callbacks/device_stats_monitor.h>
#include <torchbolt/callbacks/early_stopping.h>
#include <torchbolt/callbacks/ema_weight_averaging.h>
#include <torchbolt/callbacks/flops.h>
#include <torchbolt/callbacks/gradient_accumulation_scheduler.h>
#include <torchbolt/callbacks/histogram_monitor.h>
#include <torchbolt/callbacks/lambda_callback.h>
#include <torchbolt/callbacks/learning_rate_monitor.h>
#include <torchbolt/callbacks/model_checkpoint.h>
#include <torchbolt/callbacks/model_summary.h>
#include <torchbolt/callbacks/on_exception_checkpoint.h>
#include <torchbolt/callbacks/prediction_writer.h>
#include <torchbolt/callbacks/progress_bar.h>
#include <torchbolt/callbacks/spike_detection.h>
#include <torchbolt/callbacks/stochastic_weight_averaging.h>
#include <torchbolt/callbacks/summarize.h>
#include <torchbolt/callbacks/throughput.h>
#include <torchbolt/callbacks/throughput_monitor.h>
#include <torchbolt/callbacks/timer.h>
#include <torchbolt/callbacks/weight_averaging.h>
