package iam

import (
	"net/http"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// AssumeRequest is a request to open a session of a role.
type AssumeRequest struct {
	Role    string   // ARN
	Actions []string // all that it takes, such as sts:AssumeRole and sts:TagSession
	// Keys are the condition keys of the request, such as sts:ExternalId.
	Keys policy.Context
	// Tags are those of the session.
	Tags map[string]string
}

func (asked AssumeRequest) context() policy.Context {
	keys := requestTags(asked.Tags)
	for k, v := range asked.Keys {
		keys.Set(k, v...)
	}
	return keys
}

// MayAssume decides whether the holder of an access key may open a session of the role: the role's trust policy must
// trust it, and its own policies must allow it unless the trust policy names it. A nil role is one that the account
// does not have, which is refused where roles are kept track of: when the account has any, or its Enforced is set. The
// caller holds the account's lock.
func MayAssume(a *account.Account, key string, role *account.Role, asked AssumeRequest) error {
	who := callerOf(a, key)
	if role == nil && (len(a.Roles) > 0 || a.Enforced) {
		d := policy.Decision{By: policy.Identity}
		return denial{who, d, &policy.Request{Action: asked.Actions[0], Resource: asked.Role}}.answer(a, "sts", "")
	}
	for _, action := range asked.Actions {
		trust := policy.ByAccount
		c := check{action: action, resource: asked.Role, keys: asked.context()}
		d, r := who.decide(a, c, a.Region)
		if !who.limited() {
			d = policy.Decision{Allowed: true}
		}
		if role != nil && role.Trust != nil {
			trust = role.Trust.Trusts(who.principal(), action, r.Context)
		}
		switch {
		case trust == policy.Refused:
			d = policy.Decision{Explicit: true, By: "resource-based policy"}
		case trust == policy.Untrusted && !d.Explicit:
			d = policy.Decision{By: "resource-based policy"}
		case trust == policy.ByIdentity && !d.Explicit:
			continue
		}
		if !d.Allowed {
			return denial{who, d, r}.answer(a, "sts", "")
		}
	}
	return nil
}

// MayAssumeByToken decides whether the bearer of a token that the provider (an ARN) vouches for may open a session of
// the role. A nil role is as for MayAssume. The caller holds the account's lock.
func MayAssumeByToken(a *account.Account, provider string, role *account.Role, asked AssumeRequest) error {
	keys := asked.context()
	keys.Set("aws:FederatedProvider", provider)
	return trusted(a, policy.Principal{Federated: provider}, role, asked.Actions, keys)
}

// MayServiceAssume decides whether a service of AWS, such as pods.eks.amazonaws.com, may open a session of the role in
// the account's name. A nil role is as for MayAssume. The caller holds the account's lock.
func MayServiceAssume(a *account.Account, service string, role *account.Role, asked AssumeRequest) error {
	keys := asked.context()
	keys.Set("aws:SourceAccount", a.ID)
	return trusted(a, policy.Principal{Service: service}, role, asked.Actions, keys)
}

func trusted(a *account.Account, p policy.Principal, role *account.Role, actions []string, keys policy.Context) error {
	for _, action := range actions {
		switch {
		case role == nil && len(a.Roles) == 0 && !a.Enforced:
		case role != nil && role.Trust == nil && !a.Enforced:
		case role != nil && role.Trust != nil && role.Trust.Trusts(p, action, keys) >= policy.ByAccount:
		default:
			return apierr.WithStatus(http.StatusForbidden, "AccessDenied", "Not authorized to perform %s", action)
		}
	}
	return nil
}

// MayAssumeAcross decides whether the holder of an access key of an account may open a session of a role of another
// account: its own policies must allow it, and the role's trust policy must trust it or its account. A role without a
// trust policy trusts its own account only. The caller holds the locks of both accounts.
func MayAssumeAcross(a *account.Account, key string, there *account.Account, role *account.Role,
	asked AssumeRequest) error {
	who := callerOf(a, key)
	for _, action := range asked.Actions {
		d, r := who.decide(a, check{action: action, resource: asked.Role, keys: asked.context()}, there.Region)
		if !who.limited() {
			d = policy.Decision{Allowed: true}
		}
		trust := policy.Untrusted
		if role != nil && role.Trust != nil {
			trust = role.Trust.Trusts(who.principal(), action, r.Context)
		}
		switch {
		case trust == policy.Refused:
			d = policy.Decision{Explicit: true, By: "resource-based policy"}
		case trust == policy.Untrusted && d.Allowed:
			d = policy.Decision{By: "resource-based policy"}
		}
		if !d.Allowed {
			return denial{who, d, r}.answer(a, "sts", "")
		}
	}
	return nil
}
