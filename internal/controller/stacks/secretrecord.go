package stacks

import (
	"context"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// login is an OIDC action with the object that declares it.
type login struct {
	owner diag.Object
	*stack.AuthenticateOIDC
}

// logins are the OIDC actions of a stack.
func logins(c compile.Result) []login {
	var out []login
	add := func(owner diag.Object, as []stack.Action) {
		for _, a := range as {
			if a.OIDC != nil {
				out = append(out, login{owner, a.OIDC})
			}
		}
	}
	for _, l := range c.Stack.Listeners {
		add(c.Origins[stack.Ref{Kind: stack.KindListener, ID: l.ID}].Fields["DefaultActions"].Object(), l.DefaultActions)
	}
	for _, r := range c.Stack.Rules {
		if from := c.Origins[stack.Ref{Kind: stack.KindRule, ID: r.ID}].Objects; len(from) > 0 {
			add(from[0], r.Actions)
		}
	}
	return out
}

// unsentSecrets are the Secrets, as namespace/name, whose content a step should have sent to AWS and did not.
func unsentSecrets(p *plan.Plan, r apply.Result) map[string]bool {
	out := map[string]bool{}
	for _, s := range p.Steps {
		if r.Outcomes[s.ID].State == apply.Done {
			continue
		}
		for _, secret := range s.Op.About().Secrets {
			out[secret] = true
		}
	}
	return out
}

// recordSecrets records on each Ingress the fingerprints of the client secrets that were sent to AWS. AWS never
// returns client secrets, and after a restart nothing else shows whether a Secret was edited meanwhile. A failed
// write leaves a mark that equals no fingerprint.
func (s *Reconciler) recordSecrets(ctx context.Context, c compile.Result, p *plan.Plan, r apply.Result,
	members []metav1.Object) refusedWrites {
	failed, all := unsentSecrets(p, r), logins(c)
	_, refused := s.writeMembers(ctx, "recording the secrets of", members, func(m client.Object) objectwriter.Write {
		read := annotation.NewReader(&annotation.Findings{}, owner.Object(m), m.GetAnnotations())
		old, now := read.Map(annotation.WrittenSecrets).Value, map[string]string{}
		if len(c.Keep.Resources) > 0 { // kept resources may use Secrets that the stack does not show
			maps.Copy(now, old)
		}
		for _, l := range all {
			if l.owner != owner.Object(m) {
				continue
			}
			_, name, _ := strings.Cut(l.SecretName, "/")
			switch last, recorded := old[name]; {
			case failed[l.SecretName] && !recorded:
				now[name] = ""
			case failed[l.SecretName] || l.ClientSecret.Fingerprint() == "":
				if recorded {
					now[name] = last
				}
			default:
				now[name] = l.ClientSecret.Fingerprint()
			}
		}
		items := make([]string, 0, len(now))
		for _, name := range slices.Sorted(maps.Keys(now)) {
			items = append(items, name+"="+now[name])
		}
		keys, want := []string{string(annotation.WrittenSecrets)}, map[string]string{}
		if len(items) > 0 {
			want[keys[0]] = strings.Join(items, ",")
		}
		if hasAnnotations(m, keys, want) {
			return objectwriter.Write{}
		}
		return objectwriter.Write{Part: objectwriter.Metadata, Change: func(o client.Object) bool {
			return o.GetDeletionTimestamp() == nil && annotate(o, keys, want)
		}}
	})
	return refused
}

// hasAnnotations reports whether an object has the wanted values of the annotations with these keys.
func hasAnnotations(o metav1.Object, keys []string, want map[string]string) bool {
	return !slices.ContainsFunc(keys, func(k string) bool {
		have, ok := o.GetAnnotations()[k]
		v, isWanted := want[k]
		return ok != isWanted || have != v
	})
}

// annotate gives an object the wanted values of the annotations with these keys, and reports whether that changed the
// object.
func annotate(o client.Object, keys []string, want map[string]string) (changed bool) {
	if hasAnnotations(o, keys, want) {
		return false
	}
	have := o.GetAnnotations()
	if have == nil {
		have = map[string]string{}
	}
	for _, k := range keys {
		delete(have, k)
	}
	maps.Copy(have, want)
	o.SetAnnotations(have)
	return true
}

// records are the annotations that record what exists on a Gateway's load balancer. Each says whether the stack shall
// have none of it, and which steps remove it.
var records = map[string]struct {
	none  func(*stack.Stack) bool
	takes func(plan.Step) bool
}{
	gateway.AddOnWebACL: {noAddOn(func(a *stack.AddOns) bool { return a.WebACL != nil && *a.WebACL == "" }),
		about(awsop.AddOnWebACL)},
	gateway.AddOnShield: {noAddOn(func(a *stack.AddOns) bool { return a.Shield != nil && !*a.Shield }),
		about(awsop.AddOnShield)},
	gateway.AddOnCapacity: {noAddOn(func(a *stack.AddOns) bool { return a.Capacity != nil && *a.Capacity == 0 }),
		about(awsop.AddOnCapacity)},
	gateway.ClientsPassed: {
		func(want *stack.Stack) bool {
			return !slices.ContainsFunc(want.Listeners, func(l stack.Listener) bool {
				return l.Protocol == "HTTPS" &&
					l.Mutual == nil
			})
		},
		func(s plan.Step) bool {
			_, modifies := s.Op.(awsop.ModifyListener)
			return modifies
		},
	},
}

// noAddOn reports whether the load balancer shall not have an add-on.
func noAddOn(none func(*stack.AddOns) bool) func(*stack.Stack) bool {
	return func(want *stack.Stack) bool { return none(&want.LoadBalancers[0].AddOns) }
}

// about reports whether a step is about an add-on.
func about(a awsop.AddOn) func(plan.Step) bool {
	return func(s plan.Step) bool { return s.Op.About().Setting == string(a) }
}

// recordRemovedAddOns records on a Gateway that add-ons which it no longer wants are removed: those that were read
// from AWS, and whose removal steps are all done.
func (p *pass) recordRemovedAddOns(ctx context.Context) refusedWrites {
	w, want := p.input, p.compiled.Stack
	if w.Decisions == nil || p.observed.Pending || len(want.LoadBalancers) == 0 {
		return nil
	}
	removed := slices.DeleteFunc(slices.Clone(w.Decisions.Removed), func(annotation string) bool {
		record := records[annotation]
		return !record.none(want) || slices.ContainsFunc(p.plan.Steps, func(step plan.Step) bool {
			return record.takes(step) && p.result.Outcomes[step.ID].State != apply.Done
		})
	})
	if len(removed) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, annotation := range removed {
		values[annotation] = "false"
	}
	_, refused := p.reconciler.writeMembers(ctx, "annotations of", w.Members, func(client.Object) objectwriter.Write {
		return objectwriter.Write{Part: objectwriter.Finalizer, Change: func(o client.Object) bool {
			return annotate(o, removed, values)
		}}
	})
	return refused
}
