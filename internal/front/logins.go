package front

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/secretdata"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// lastLogins are the logins of the last valid versions of members. Checkpoints do not have their credentials, without
// which AWS accepts no rule.
type lastLogins []intent.LoginOf

// lastLoginsOf are those that the compiler remembers.
func lastLoginsOf(before *compile.Memory) (out lastLogins) {
	for _, good := range before.Good {
		out = append(out, good.Logins()...)
	}
	return out
}

// credentialsIn are the credentials in a Secret that a route names; ok is false if it has none.
func credentialsIn(_ diag.Object, s *corev1.Secret) (c intent.Credentials, ok bool) {
	id, clientSecret, missing := secretdata.Login(s)
	return intent.Credentials{ID: id, Secret: clientSecret}, missing == ""
}

// load reads the Secrets of the logins, as far as their members still are members: each of its namespace. credentials
// returns what is in a Secret; ok is false if it cannot be used.
func (l lastLogins) load(v *objects.View, lb *intent.LoadBalancer, credentials func(of diag.Object, s *corev1.Secret) (
	c intent.Credentials, ok bool)) {
	members := map[diag.Object]bool{}
	for i := range lb.Members {
		members[lb.Members[i].Object] = true
	}
	for _, one := range l {
		namespace, name, _ := strings.Cut(one.Secret, "/")
		if !members[one.Member] || namespace != one.Member.Namespace {
			continue
		}
		s, exists := objects.Lookup[*corev1.Secret](v, objects.Secret, namespace, name)
		if !exists {
			continue
		}
		if c, ok := credentials(one.Member, s); ok {
			if lb.Logins == nil {
				lb.Logins = map[intent.LoginOf]intent.Credentials{}
			}
			lb.Logins[one] = c
		}
	}
}
