#pragma once

// All loggers.

#include <torchbolt/loggers/csv_logger.h>
