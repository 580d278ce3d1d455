#pragma once

// All loggers.

#include <torchbolt/loggers/csv_logger.h>
#include <torchbolt/loggers/file_logger.h>
#include <torchbolt/loggers/jsonl_logger.h>
#include <torchbolt/loggers/log_model.h>
#include <torchbolt/loggers/logged_metrics.h>
#include <torchbolt/loggers/mlflow_logger.h>
#include <torchbolt/loggers/mlflow_sync.h>
#include <torchbolt/loggers/tensorboard_logger.h>
#include <torchbolt/loggers/wandb_logger.h>
