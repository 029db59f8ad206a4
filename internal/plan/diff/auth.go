package diff

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// settled gives a login whose credentials are withheld the credentials of the observed actions, if these have the
// same login of the same namespace. Otherwise it returns actions that answer 503: a login cannot be created without
// credentials, and the requests behind it must not be served without a login.
func (d *differ) settled(want, have []stack.Action) []stack.Action {
	w, h := canonical.Login(want), canonical.Login(have)
	if w == nil || !w.Withheld() {
		return want
	}
	if h == nil || canonical.Provider(w) != canonical.Provider(h) {
		return stack.UnavailableOf(d.plan.Key.Owner)
	}
	out := slices.Clone(want)
	for i := range out {
		if out[i].OIDC == w {
			kept := *w
			kept.ClientID, kept.ClientSecret = h.ClientID, h.ClientSecret
			out[i].OIDC = &kept
		}
	}
	if !canonical.SameActions(out, have, d.resolve) && !d.sameNamespace(w, have) {
		return stack.UnavailableOf(d.plan.Key.Owner)
	}
	return out
}

// sameNamespace reports whether observed actions forward to a target group of the namespace of a login's Secret.
// Credentials of a login serve only that namespace. Otherwise a member that replaces another one, and names a Secret
// that cannot be read, would get the tokens of the other's users.
func (d *differ) sameNamespace(w *stack.AuthenticateOIDC, have []stack.Action) bool {
	namespace, _, _ := strings.Cut(w.SecretName, "/")
	return slices.ContainsFunc(awsop.TargetGroupsOf(have), func(ref stack.Ref) bool {
		tg := d.obs.TargetGroup(ref.Literal)
		return tg != nil && naming.DeclaredIn(tg.ID, namespace)
	})
}

// settleRules gives wanted rules with withheld logins the actions of existing rules that are the same otherwise: a
// rule cannot be recreated without credentials.
func (d *differ) settleRules(want []stack.Rule, have []*awsop.Rule) {
	for i := range want {
		w := &want[i]
		if o := canonical.Login(w.Actions); o == nil || !o.Withheld() {
			continue
		}
		rest := canonical.Conditions(w.Conditions) + "|" + canonical.Transforms(w.Transforms)
		kept := stack.UnavailableOf(d.plan.Key.Owner)
		for _, r := range have {
			if canonical.Conditions(r.Conditions)+"|"+canonical.Transforms(r.Transforms) != rest {
				continue
			}
			if as := d.settled(w.Actions, r.Actions); canonical.Login(as) != nil && canonical.SameActions(as, r.Actions,
				d.resolve) {
				kept = as
				break
			}
		}
		if w.Actions = kept; canonical.Login(kept) == nil {
			w.Transforms = nil
		}
	}
}
