package iam

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

const allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

func document(t *testing.T, text string) *policy.Document {
	t.Helper()
	d, err := policy.ParseIdentity([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// withSession is an account with a session of a role that may do everything, and the session's key.
func withSession(t *testing.T) (*account.Account, *account.RoleSession) {
	t.Helper()
	a := world(t)
	a.AddPolicy(&account.Policy{Name: "all", Document: document(t, allowAll)})
	a.AddRole(&account.Role{Name: "lbc", Path: "/eks/", Tags: map[string]string{"team": "platform", "stage": "test"},
		Grants: account.Grants{Policies: []string{"all"}}})
	s := a.NewRoleSession("lbc", "pod", time.Hour)
	s.Tags, s.Federated = map[string]string{"team": "web"}, "arn:aws:iam::123456789012:oidc-provider/oidc.example"
	return a, s
}

func TestPoliciesSeeCallerTimeAndAddress(t *testing.T) {
	t.Parallel()
	a, s := withSession(t)
	const group = "arn:aws:ec2:us-west-2:123456789012:security-group/sg-00000001"
	of := func(key string, c check) policy.Context {
		_, request := callerOf(a, key).decide(a, c, "eu-west-1")
		return request.Context
	}
	session, user := of(s.AccessKey, check{action: "ec2:DeleteSecurityGroup", resource: group}),
		of(key, check{action: "acm:ListCertificates", resource: "*"})
	for _, tt := range []struct {
		name string
		in   policy.Context
		key  string
		want string // "": the key is absent
	}{
		{"session", session, "aws:PrincipalArn", "arn:aws:iam::123456789012:role/eks/lbc"},
		{"session", session, "aws:PrincipalType", "AssumedRole"},
		{"session", session, "aws:PrincipalAccount", "123456789012"},
		{"session", session, "aws:userid", s.UserID},
		{"session", session, "aws:username", ""},
		{"session", session, "aws:PrincipalTag/team", "web"}, // the session's comes before the role's
		{"session", session, "aws:PrincipalTag/stage", "test"},
		{"session", session, "aws:FederatedProvider", "arn:aws:iam::123456789012:oidc-provider/oidc.example"},
		{"session", session, "aws:TokenIssueTime", "2026-01-02T03:04:05Z"},
		{"session", session, "aws:CurrentTime", "2026-01-02T03:04:05Z"},
		{"session", session, "aws:EpochTime", "1767323045"},
		{"session", session, "aws:RequestedRegion", "eu-west-1"},
		{"session", session, "ec2:Region", "eu-west-1"},
		{"session", session, "aws:SecureTransport", "false"},
		{"session", session, "aws:ViaAWSService", "false"},
		{"session", session, "aws:PrincipalIsAWSService", "false"},
		{"session", session, "aws:ResourceAccount", "123456789012"},
		{"session", session, "aws:ResourceTag/" + cluster, "demo"},
		{"session", session, "ec2:ResourceTag/" + cluster, "demo"},
		{"user", user, "aws:PrincipalArn", "arn:aws:iam::123456789012:user/lbc"},
		{"user", user, "aws:PrincipalType", "User"},
		{"user", user, "aws:username", "lbc"},
		{"user", user, "aws:TokenIssueTime", ""},
		{"user", user, "aws:FederatedProvider", ""},
		{"user", user, "aws:ResourceAccount", ""},
		{"user", user, "ec2:Region", ""},
		{"somebody unknown", of("AKIANOBODY", check{resource: "*"}), "aws:PrincipalArn",
			"arn:aws:iam::123456789012:user/AKIANOBODY"},
		{"somebody unknown", of("AKIANOBODY", check{resource: "*"}), "aws:PrincipalType", "User"},
		{"the process itself", of("", check{resource: "*"}), "aws:PrincipalArn", "arn:aws:iam::123456789012:root"},
		{"the process itself", of("", check{resource: "*"}), "aws:PrincipalType", "Account"},
	} {
		got, _ := tt.in.Get(tt.key)
		if strings.Join(got, ",") != tt.want {
			t.Errorf("%s: %s is %q, want %q", tt.name, tt.key, got, tt.want)
		}
	}
	p := callerOf(a, s.AccessKey).principal()
	if !slices.Equal(p.ARNs, []string{"arn:aws:sts::123456789012:assumed-role/lbc/pod",
		"arn:aws:iam::123456789012:role/eks/lbc"}) {
		t.Errorf("trust policies see the session as %v", p.ARNs)
	}
}

func TestBoundariesAndSessionPoliciesLimitWhatARoleMayDo(t *testing.T) {
	t.Parallel()
	const describes = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}}`
	for name, tt := range map[string]struct {
		limit func(*account.Account, *account.RoleSession)
		want  string // in the denial; "": none
	}{
		"nothing": {func(*account.Account, *account.RoleSession) {}, ""},
		"boundary": {func(a *account.Account, _ *account.RoleSession) {
			a.AddPolicy(&account.Policy{Name: "describes", Document: document(t, describes)})
			a.Roles["lbc"].Boundary = "describes"
		}, "because no permissions boundary allows the ec2:StopInstances action"},
		"session policy": {func(_ *account.Account, s *account.RoleSession) {
			s.Policies = []*policy.Document{document(t, describes)}
		}, "because no session policy allows the ec2:StopInstances action"},
		"denial": {func(_ *account.Account, s *account.RoleSession) {
			s.Policies = []*policy.Document{document(t, allowAll), document(t, strings.Replace(allowAll, "Allow", "Deny", 1))}
		}, "with an explicit deny in a session policy"},
		"the role's own denial": {func(a *account.Account, _ *account.RoleSession) {
			a.AddPolicy(&account.Policy{Name: "none", Document: document(t, strings.Replace(allowAll, "Allow", "Deny", 1))})
			a.Roles["lbc"].Policies = append(a.Roles["lbc"].Policies, "none")
		}, "with an explicit deny in an identity-based policy"},
	} {
		a, s := withSession(t)
		tt.limit(a, s)
		err := Authorizer(a)(context.Background(), "ec2", "StopInstances", s.AccessKey, nil)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func TestEachServiceDeniesInItsOwnWords(t *testing.T) {
	t.Parallel()
	a := world(t)
	a.AddPolicy(&account.Policy{Name: "nothing", Document: document(t, strings.Replace(allowAll, "Allow", "Deny", 1))})
	a.UserOfKey(key).Attach("nothing")
	for _, tt := range []struct {
		service, action, code string
		status                int
		encoded               bool
	}{
		{"elasticloadbalancing", "DeleteLoadBalancer", "AccessDenied", 403, false},
		{"ec2", "DeleteSecurityGroup", "UnauthorizedOperation", 403, true},
		{"ec2", "DescribeVpcs", "UnauthorizedOperation", 403, false},
		{"ec2", "GetSecurityGroupsForVpc", "UnauthorizedOperation", 403, false},
		{"route53", "ListHostedZones", "AccessDenied", 403, false},
		{"sts", "DecodeAuthorizationMessage", "AccessDenied", 403, false},
		{"acm", "ListCertificates", "AccessDeniedException", 400, false},
		{"wafv2", "ListWebACLs", "AccessDeniedException", 400, false},
		{"shield", "GetSubscriptionState", "AccessDeniedException", 400, false},
		{"tagging", "GetResources", "AccessDeniedException", 400, false},
		{"globalaccelerator", "ListAccelerators", "AccessDeniedException", 400, false},
	} {
		e := apierr.As(Authorizer(a)(context.Background(), tt.service, tt.action, key, nil))
		if e == nil || e.Code != tt.code || e.Status != tt.status {
			t.Errorf("%s %s: got %+v, want %s with %d", tt.service, tt.action, e, tt.code, tt.status)
			continue
		}
		text, ec2sWords := strings.CutPrefix(e.Message, "You are not authorized to perform this operation. ")
		_, message, encoded := strings.Cut(text, ". Encoded authorization failure message: ")
		if ec2sWords != (tt.service == "ec2") || encoded != tt.encoded ||
			!strings.HasPrefix(text, "User: arn:aws:iam::123456789012:user/lbc is not authorized to perform: ") {
			t.Errorf("%s %s: %s", tt.service, tt.action, e.Message)
		}
		if !encoded {
			continue
		}
		decoded, err := Decode(a.ID, message)
		for _, want := range []string{
			`"allowed":false,"explicitDeny":true,"matchedStatements":{"items":[{"statementId":"","effect":"DENY"}]},"failures":{"items":[]}`,
			`"name":"lbc","arn":"arn:aws:iam::123456789012:user/lbc"`, `"action":"ec2:DeleteSecurityGroup","resource":"*"`,
			`{"key":"aws:username","values":{"items":[{"value":"lbc"}]}}`,
		} {
			if err != nil || !strings.Contains(decoded, want) {
				t.Errorf("decoded to %s (%v), without %s", decoded, err, want)
			}
		}
		if _, err := Decode("210987654321", message); err == nil {
			t.Error("another account decodes the message")
		}
		if _, err := Decode(a.ID, "AAAA"); err == nil {
			t.Error("what is no message is decoded")
		}
	}
}
