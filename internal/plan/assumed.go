package plan

import "time"

// Assumption tells that parts of an observation were not read from AWS by this process: an earlier one left them. Such an
// observation may show that nothing is to be done. Nothing is written or deleted, and nothing taken for absent, because of it: a plan of which any
// step may rest on it is not executed.
type Assumption struct {
	// Since is when the earlier process wrote it down.
	Since time.Time
}
