package iam

import (
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// caller is the caller of an action, with the policies that limit it.
type caller struct {
	arn     string // of the user or the session
	id      string // AIDA… or AROA…:session
	name    string
	kind    string // the value of aws:PrincipalType
	role    string // ARN of the role of a session
	account string
	tags    map[string]string
	issued  time.Time // of a session
	vouched string    // ARN of the provider that vouched for a session
	layers  []policy.Layer
}

// limited reports whether policies decide on the caller; else it may do everything.
func (who *caller) limited() bool { return who.layers != nil }

// callerOf finds the holder of the access key.
func callerOf(a *account.Account, key string) *caller {
	if s := a.Sessions[key]; s != nil {
		return sessionCaller(a, s)
	}
	if u := a.UserOfKey(key); u != nil {
		return &caller{
			arn: a.UserARN(u), id: u.ID, name: u.Name, kind: "User", account: a.ID, tags: u.Tags, layers: layersOf(a, &u.Grants),
		}
	}
	if key == "" {
		return &caller{arn: a.IAMARN("root"), id: a.ID, kind: "Account", account: a.ID}
	}
	return &caller{
		arn: a.IAMARN("user/" + key), id: "AIDA" + strings.ToUpper(key), name: key, kind: "User", account: a.ID,
		layers: layersOf(a, &account.Grants{}),
	}
}

func sessionCaller(a *account.Account, s *account.RoleSession) *caller {
	who := &caller{
		arn: s.ARN, id: s.UserID, kind: "AssumedRole", account: a.ID, role: a.IAMARN("role/" + s.Role), issued: s.Issued,
		vouched: s.Federated, tags: map[string]string{},
	}
	var grants account.Grants
	if r := a.Roles[s.Role]; r != nil {
		who.role, grants = a.RoleARN(r), r.Grants
		for k, v := range r.Tags {
			who.tags[k] = v
		}
	}
	for k, v := range s.Tags {
		who.tags[k] = v
	}
	who.layers = layersOf(a, &grants)
	if len(s.Policies) > 0 {
		who.layers = append(who.layers, policy.Layer{Kind: policy.Session, Documents: s.Policies})
	}
	return who
}

// layersOf is what limits the holder of the grants; nil: nothing does.
func layersOf(a *account.Account, g *account.Grants) []policy.Layer {
	if !g.Limited() && !a.Enforced {
		return nil
	}
	layers := []policy.Layer{{Kind: policy.Identity, Documents: a.Documents(g.Policies...)}}
	if g.Boundary != "" {
		layers = append(layers, policy.Layer{Kind: policy.Boundary, Documents: a.Documents(g.Boundary)})
	}
	return layers
}

// WhoIs is the ARN and unique id of the holder of the access key, as GetCallerIdentity returns them. The caller holds
// the account's lock.
func WhoIs(a *account.Account, key string) (arn, id string) {
	who := callerOf(a, key)
	return who.arn, who.id
}

// describe sets the keys of the caller. IAM User Guide, "AWS global condition context keys", properties of the
// principal.
func (who *caller) describe(keys policy.Context) {
	keys.Set("aws:PrincipalAccount", who.account)
	keys.Set("aws:PrincipalType", who.kind)
	keys.Set("aws:userid", who.id)
	keys.Set("aws:PrincipalArn", who.arn)
	if who.role != "" {
		keys.Set("aws:PrincipalArn", who.role)
		keys.Set("aws:TokenIssueTime", who.issued.UTC().Format(time.RFC3339))
	}
	if who.kind == "User" {
		keys.Set("aws:username", who.name)
	}
	if who.vouched != "" {
		keys.Set("aws:FederatedProvider", who.vouched)
	}
	for k, v := range who.tags {
		keys.Set("aws:PrincipalTag/"+k, v)
	}
}

// principal is the caller as trust policies name it.
func (who *caller) principal() policy.Principal {
	p := policy.Principal{ARNs: []string{who.arn}, Account: who.account}
	if who.role != "" {
		p.ARNs = append(p.ARNs, who.role)
	}
	return p
}
