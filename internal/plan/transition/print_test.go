package transition

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// String is a line for each phase that has changes, and for each of these.
func (t Transition) String() string {
	var b strings.Builder
	for _, p := range t.Batches {
		if len(p.Changes) > 0 {
			fmt.Fprintf(&b, "%s\n", p.Name)
		}
		for _, c := range p.Changes {
			name := "Tags"
			if c.Op != nil {
				name = plan.NameOf(c.Op)
			}
			fmt.Fprintf(&b, "%4d %s %s%s", c.ID, name, stack.Labels{}.Of(c.Resource), numbers(", needs", c.Needs)+
				numbers(", after", c.After))
			for i, why := range c.Why {
				b.WriteString([]string{": ", "; "}[min(i, 1)] + why)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func numbers(what string, ids []ID) string {
	if len(ids) == 0 {
		return ""
	}
	return what + " " + strings.Trim(fmt.Sprint(ids), "[]")
}
