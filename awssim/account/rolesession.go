package account

import (
	"fmt"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// RoleSession is a set of temporary credentials.
type RoleSession struct {
	AccessKey string // ASIA…
	Secret    string
	Token     string
	Role      string // name; the account need not have the role
	Name      string // of the session
	ARN       string // arn:aws:sts::123456789012:assumed-role/Role/session
	UserID    string // AROA…:session
	Issued    time.Time
	Expires   time.Time

	Policies   []*policy.Document // limit the session below its role; none: nothing does
	Tags       map[string]string  // of the session; they come before the role's
	Transitive []string           // keys of Tags that sessions which this one opens inherit
	Federated  string             // ARN of the provider, when a web identity opened it
}

// NewRoleSession opens a session of the role, which is named without path and need not be one that the account has.
func (a *Account) NewRoleSession(role, name string, life time.Duration) *RoleSession {
	id := a.NewID("session")[len("session-0"):]
	now := a.Clock.Now()
	s := &RoleSession{
		AccessKey: "ASIA" + upper(id),
		Secret:    id + id + id[:8],
		Token:     "session-" + id,
		Role:      role,
		Name:      name,
		ARN:       fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", a.Partition, a.ID, role, name),
		UserID:    "AROA" + upper(id) + ":" + name,
		Issued:    now.UTC(),
		Expires:   now.Add(life).UTC().Truncate(time.Second),
	}
	if r := a.Roles[role]; r != nil {
		s.UserID = r.ID + ":" + name
	}
	resource.Put(&a.Sessions, s.AccessKey, s)
	return s
}

// keySuffix is the sixteen letters of an id such as AROA….
func (a *Account) keySuffix(kind string) string { return upper(a.NewID(kind)[len(kind)+len("-0"):]) }

// upper turns the sixteen hexadecimal digits of an id into letters as access keys have them.
func upper(id string) string {
	b := []byte(id)
	for i, c := range b {
		if c >= '0' && c <= '9' {
			b[i] = 'G' + c - '0'
		} else {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
