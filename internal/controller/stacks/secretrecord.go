package stacks

import (
	"context"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// login is an OIDC action with the object that asks for it.
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
		add(c.Origins[stack.Ref{Kind: stack.KindListener, ID: l.ID}].Fields["DefaultActions"].Object, l.DefaultActions)
	}
	for _, r := range c.Stack.Rules {
		if from := c.Origins[stack.Ref{Kind: stack.KindRule, ID: r.ID}].Objects; len(from) > 0 {
			add(from[0], r.Actions)
		}
	}
	return out
}

// unsentSecrets are the Secrets, as namespace/name, that a step should have brought to AWS and did not.
func unsentSecrets(p *plan.Plan, r apply.Result) map[string]bool {
	out := map[string]bool{}
	for _, s := range p.Steps {
		if r.Outcomes[s.ID].State == apply.Done {
			continue
		}
		for _, secret := range s.Op.Traits().Secrets {
			out[secret] = true
		}
	}
	return out
}

// recordSecrets writes down on each Ingress which client secrets AWS was given, by their fingerprints: AWS never tells, and after
// a restart nobody else knows whether a Secret was edited meanwhile. A failed write leaves a mark that equals no fingerprint.
func (s *Reconciler) recordSecrets(ctx context.Context, c compile.Result, p *plan.Plan, r apply.Result, members []metav1.Object) refusedWrites {
	var refused refusedWrites
	failed, all := unsentSecrets(p, r), logins(c)
	for _, m := range members {
		o, ok := m.(client.Object)
		if !ok || o.GetDeletionTimestamp() != nil {
			continue
		}
		read := annotation.NewReader(&annotation.Findings{}, objectOf(m), m.GetAnnotations())
		old, now := read.Map(annotation.WrittenSecrets).Value, map[string]string{}
		if len(c.Keep.Resources) > 0 { // what stays untouched may use Secrets that the stack does not show
			maps.Copy(now, old)
		}
		for _, l := range all {
			if l.owner != objectOf(m) {
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
		if err := s.annotateWritten(ctx, o, now); err != nil {
			refused.add(m, "recording the secrets of", err)
		}
	}
	return refused
}

func (s *Reconciler) annotateWritten(ctx context.Context, o client.Object, written map[string]string) error {
	const key = string(annotation.WrittenSecrets)
	items := make([]string, 0, len(written))
	for _, name := range slices.Sorted(maps.Keys(written)) {
		items = append(items, name+"="+written[name])
	}
	text := strings.Join(items, ",")
	if o.GetAnnotations()[key] == text {
		return nil
	}
	updated, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		return nil
	}
	annotations := updated.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	if delete(annotations, key); text != "" {
		annotations[key] = text
	}
	updated.SetAnnotations(annotations)
	return client.IgnoreNotFound(s.Client.Patch(ctx, updated, client.MergeFrom(o)))
}
