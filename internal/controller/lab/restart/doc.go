// Package restart has tests of consecutive processes: checkpoints, the lag of AWS's lists, and what a process does not
// see.
package restart
