package account

import (
	"fmt"
	"time"
)

// RoleSession is a set of temporary credentials.
type RoleSession struct {
	AccessKey string // ASIA…
	Secret    string
	Token     string
	ARN       string // arn:aws:sts::123456789012:assumed-role/Role/session
	UserID    string // AROA…:session
	Expires   time.Time
}

// NewRoleSession opens a session of the role, which is named without path.
func (a *Account) NewRoleSession(role, name string, life time.Duration) *RoleSession {
	id := a.NewID("session")[len("session-0"):]
	s := &RoleSession{
		AccessKey: "ASIA" + upper(id),
		Secret:    id + id + id[:8],
		Token:     "session-" + id,
		ARN:       fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", a.Partition, a.ID, role, name),
		UserID:    "AROA" + upper(id) + ":" + name,
		Expires:   a.Clock.Now().Add(life).UTC().Truncate(time.Second),
	}
	put(&a.Sessions, s.AccessKey, s)
	return s
}

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
