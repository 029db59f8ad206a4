package ingress

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// classicWebACL reads the web ACL of WAF Classic (regional). The former spelling is read only if the present one is absent.
func (t *translation) classicWebACL() intent.Field[string] {
	key := annotation.ClassicWebACL
	if _, _, ok := t.read.Raw(key); !ok {
		key = annotation.FormerWebACL
	} else {
		t.read.Ignored(annotation.FormerWebACL, fmt.Sprintf("annotation %s has no effect beside %s", annotation.FormerWebACL, key), "remove it")
	}
	out := filled(t.read.String(key))
	switch {
	case !out.Set, t.config.WAFClassicOff: // which is told where the setting is left out
	case out.Value == intent.None:
		t.read.Note(key, diag.EndedSupport, fmt.Sprintf("annotation %s takes a web ACL of WAF Classic away, whose support AWS ended on 2025-09-30", key),
			fmt.Sprintf("remove it once the load balancer has none; it does not concern web ACLs of WAFv2 (%s)", annotation.WebACLARN))
	default:
		t.read.Note(key, diag.EndedSupport, fmt.Sprintf("annotation %s is for WAF Classic, whose support AWS ended on 2025-09-30", key),
			fmt.Sprintf("move to a web ACL of WAFv2 and name it with %s", annotation.WebACLARN))
	}
	return out
}
