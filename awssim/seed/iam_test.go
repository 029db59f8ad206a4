package seed

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

const iamHead = head + "iam:\n"

func TestUsersRolesAndPoliciesAreReadFromYAML(t *testing.T) {
	t.Parallel()
	f, err := Load(strings.NewReader(iamHead + `
  enforce: true
  policies:
    - name: read
      document:
        Version: 2012-10-17
        Statement:
          - {Effect: Allow, Action: ["ec2:Describe*"], Resource: "*", Condition: {Bool: {aws:SecureTransport: false}}}
  users: [{name: ann, path: /team/, policies: [read], boundary: read, accessKeys: [{id: AKIAANN, secret: s}], tags: {team: web}}]
  roles: [{name: lbc, policies: [read], maxSession: 2h, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {Service: pods.eks.amazonaws.com}, Action: "sts:*"}}}]
  oidcProviders: [{issuer: "https://oidc.example"}]
  podIdentities: [{cluster: demo, namespace: kube-system, serviceAccount: lbc, role: lbc}]
  serviceLinkedRoles: [elasticloadbalancing.amazonaws.com]
`))
	if err != nil {
		t.Fatal(err)
	}
	a := account.New(f.Account, f.Region, clock.Real{}, account.Instant())
	if err := f.Apply(a); err != nil {
		t.Fatal(err)
	}
	ann := a.UserOfKey("AKIAANN")
	if ann == nil || a.UserARN(ann) != "arn:aws:iam::123456789012:user/team/ann" || ann.Boundary != "read" ||
		ann.Keys["AKIAANN"] != "s" {
		t.Errorf("user %+v", ann)
	}
	if r := a.Roles["lbc"]; r.MaxSession != 7200 || r.Trust == nil || len(a.Documents(r.Policies...)) != 1 {
		t.Errorf("role %+v", r)
	}
	if p := a.Providers["oidc.example"]; p == nil || p.Audiences[0] != "sts.amazonaws.com" {
		t.Errorf("provider %+v", p)
	}
	if !a.Enforced || a.Pods[0].Role != "lbc" || !a.LinkedRoles["elasticloadbalancing.amazonaws.com"] {
		t.Errorf("identity %+v", a.Identity)
	}
}

func TestBrokenUsersRolesAndPoliciesAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"  policies: [{name: p, document: {Statement: []}}]\n":                                        "iam.policies[0].document: identity-based policy: Statement: is missing",
		"  users: [{name: a, policies: [p]}]\n":                                                       `iam.users[0].policies[0]: "p" is not a policy of this file`,
		"  users: [{name: a, boundary: p}]\n":                                                         `iam.users[0].boundary: "p"`,
		"  users: [{name: a}, {name: a}]\n":                                                           `iam.users[1].name: "a" is missing or used already`,
		"  users: [{name: a, accessKeys: [{id: K}]}, {name: b, accessKeys: [{id: K}]}]\n":             `iam.users[1].accessKeys[0].id: "K"`,
		"  roles: [{name: a, maxSession: 30m}]\n":                                                     `iam.roles[0].maxSession: "30m"`,
		"  roles: [{name: a, trust: {Statement: {Effect: Allow, Action: \"sts:*\", Resource: x}}}]\n": "iam.roles[0].trust: trust policy: Statement[0].Resource",
		"  oidcProviders: [{issuer: oidc.example}]\n":                                                 `iam.oidcProviders[0].issuer: "oidc.example"`,
		"  podIdentities: [{namespace: n, serviceAccount: s, role: r}]\n":                             `iam.podIdentities[0].role: "r"`,
	} {
		if _, err := Load(strings.NewReader(iamHead + text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
