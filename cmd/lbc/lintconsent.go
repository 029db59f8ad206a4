package main

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/policy/consent"
)

// codeNeedsConsent is the reason of a finding that others must let an object have a load balancer.
const codeNeedsConsent = "NeedsConsent"

// needsConsent are notes on objects that name a load balancer of others which the flag does not allow their namespace.
// Its tags are known to AWS only.
func (o *lintOptions) needsConsent(src *source) (out []finding) {
	for _, p := range src.fromFiles {
		for i := range owner.Kinds {
			k, seen := &owner.Kinds[i], p.object.GetAnnotations()
			named, ownership := seen[string(k.Existing)], seen[string(k.Ownership)]
			if !k.Is(p.object) || named == "" || ownership != annotation.SharedIt && ownership != annotation.AdoptedIt {
				continue
			}
			lb, ns := consent.Balancer{ARN: named, Name: named}, p.object.GetNamespace()
			if parts := strings.Split(named, "/"); len(parts) > 2 { // an ARN: .../app/NAME/ID
				lb.Name = parts[2]
			}
			if o.config.LoadBalancersOfOthers().Of(o.config.ClusterName, ns, lb) == consent.None {
				out = append(out, finding{File: p.file, Line: p.line(k.Existing.Path()), Severity: severityNote,
					Object: nameOf(p.object), Field: k.Existing.Path(), Reason: codeNeedsConsent,
					Message: fmt.Sprintf("load balancer %s is %s only if its owner or the administrator of the controller lets "+
						"namespace %s use it", named, map[string]string{annotation.SharedIt: "shared",
						annotation.AdoptedIt: "taken over"}[ownership], ns),
					Remedy: fmt.Sprintf("run the controller with --existing-load-balancers=%s=%s, or have its owner set tag %s: "+
						"CLUSTER/%s on it", ns, lb.Name, naming.SharedWithTag, ns)})
			}
			break // Gateways are of two kinds
		}
	}
	return out
}
