package accounts

import (
	"strings"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// lifeOfTheRest needs what LifeOfMany does not: subnets without roles in tags, pods with interfaces of their own,
// logins, certificates of IAM, security groups of another account, addresses of customers, more rules than AWS allows
// by default, and Gateways with addresses and authorities.
var lifeOfTheRest = []lab.Stage{
	{Name: "created", Does: (*lab.Lab).CreateRest},
	{Name: "edited", Does: func(l *lab.Lab) {
		l.Restart()
		untagListeners(l, "login")
		l.Annotate("login", "tags", "team=shop")
		ca := &corev1.ConfigMap{}
		l.Get(ca, "ca")
		ca.Data["ca.crt"] = lab.AuthorityPEM(l.T, "second")
		l.Must(l.Client.Update(l.Context(), ca))
		l.Annotate("outpost", "tags", "team=shop")
	}},
	{Name: "deleted", Does: func(l *lab.Lab) {
		for _, name := range []string{"login", "outpost", "borrowed", "wide"} {
			l.Remove(name)
		}
		l.Discard("Gateway shop/web {}\nHTTPRoute shop/web {}\nGateway shop/edge {}\nTCPRoute shop/edge {}")
	}},
}

// untagListeners takes the tag of the cluster away from the listeners of an Ingress, as a user may.
func untagListeners(l *lab.Lab, name string) {
	l.Helper()
	for _, lb := range l.Sim.Resources().LoadBalancers {
		if !strings.HasPrefix(lb.Name, "k8s-shop-"+name+"-") {
			continue
		}
		for _, li := range lb.Listeners {
			_, err := l.Sim.Balancing.RemoveTags(l.Context(), &elbv2.RemoveTagsInput{ResourceArns: []string{li.ARN},
				TagKeys: []string{naming.ClusterTag}})
			l.Must(err)
		}
	}
}
