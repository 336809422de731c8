#include "card/personalise.h"
