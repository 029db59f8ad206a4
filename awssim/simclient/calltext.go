package simclient

import (
	"fmt"
	"strings"
)

// String is the call in one line.
func (c Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%6d %s %-20s %-32s", c.Number, c.Time.UTC().Format("15:04:05.000"), c.Service, c.Action)
	switch {
	case c.Dropped:
		b.WriteString(" dropped")
	case c.Code != "":
		fmt.Fprintf(&b, " %d %s", c.Status, c.Code)
	default:
		fmt.Fprintf(&b, " %d", c.Status)
	}
	if c.Fault != "" {
		fmt.Fprintf(&b, " [%s]", c.Fault)
	}
	fmt.Fprintf(&b, " %s %s", c.Duration, c.Parameters)
	return b.String()
}
