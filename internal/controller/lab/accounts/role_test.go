package accounts

import (
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// learn gives the controller a role that may nothing yet: its policy grows by what of d each call needs.
func learn(l *lab.Lab, d iampolicy.Document) *lab.Role {
	r := l.Hold(d)
	r.Learns = true
	r.Learned = iampolicy.Document{Version: d.Version}
	for _, s := range d.Statement {
		s.Action = []string{"none:None"}
		r.Learned.Statement = append(r.Learned.Statement, s)
	}
	r.Put(r.Learned)
	return r
}
