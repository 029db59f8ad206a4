package diff

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// secretChanged is why a login is written that otherwise is as wanted.
const secretChanged = "the client secret changed"

// isGuarded reports whether a login or a check of tokens stands in front.
func isGuarded(as []stack.Action) bool {
	return slices.ContainsFunc(as, func(a stack.Action) bool { return a.OIDC != nil || a.Cognito != nil || a.JWT != nil })
}

func oidcOf(as []stack.Action) *stack.AuthenticateOIDC {
	for _, a := range as {
		if a.OIDC != nil {
			return a.OIDC
		}
	}
	return nil
}

// staleSecret reports whether AWS holds another client secret than wanted. An observation knows it as long as this process
// wrote it; else the record of what was written last decides.
func staleSecret(want, have []stack.Action) bool {
	w, h := oidcOf(want), oidcOf(have)
	switch {
	case w == nil || h == nil || !w.ClientSecret.Known():
		return false
	case h.ClientSecret.Known():
		return !w.ClientSecret.Equal(h.ClientSecret)
	}
	return w.SecretChanged
}

// settled replaces a login whose credentials are withheld by what AWS holds in its place, if that is the same login. Nothing else
// may be served there: a login cannot be made without credentials, and what is behind it must not be served without.
func settled(want, have []stack.Action) []stack.Action {
	w, h := oidcOf(want), oidcOf(have)
	if w == nil || !w.Withheld() {
		return want
	}
	if h == nil || canonical.Provider(w) != canonical.Provider(h) {
		return stack.Unavailable()
	}
	out := slices.Clone(want)
	for i := range out {
		if out[i].OIDC == w {
			kept := *w
			kept.ClientID, kept.ClientSecret = h.ClientID, h.ClientSecret
			out[i].OIDC = &kept
		}
	}
	return out
}

// settleRules settles the actions of wanted rules by those of existing rules that are the same in all else: a rule cannot be recreated
// without credentials.
func (d *differ) settleRules(want []stack.Rule, have []*elb.Rule) {
	for i := range want {
		w := &want[i]
		if o := oidcOf(w.Actions); o == nil || !o.Withheld() {
			continue
		}
		rest := canonical.Conditions(w.Conditions) + "|" + canonical.Transforms(w.Transforms)
		kept := stack.Unavailable()
		for _, r := range have {
			if canonical.Conditions(r.Conditions)+"|"+canonical.Transforms(r.Transforms) != rest {
				continue
			}
			if as := settled(w.Actions, r.Actions); oidcOf(as) != nil && canonical.SameActions(as, r.Actions, d.resolve) {
				kept = as
				break
			}
		}
		if w.Actions = kept; oidcOf(kept) == nil {
			w.Transforms = nil
		}
	}
}
