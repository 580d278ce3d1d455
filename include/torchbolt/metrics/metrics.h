#pragma once

// All metrics.

#include <torchbolt/metrics/accuracy.h>
#include <torchbolt/metrics/aggregate.h>
#include <torchbolt/metrics/metric.h>
