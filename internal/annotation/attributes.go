package annotation

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/intent"
)

// Attributes reads attributes of a load balancer, a listener or a target group. AWS spells the values of switches in lower case;
// another spelling would differ from what AWS tells for ever.
func (r Reader) Attributes(k Key) intent.Field[map[string]string] {
	f := r.Map(k)
	for name, value := range f.Value {
		if lower := strings.ToLower(value); strings.HasSuffix(name, ".enabled") && (lower == "true" || lower == "false") {
			f.Value[name] = lower
		}
	}
	return f
}
