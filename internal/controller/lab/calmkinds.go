package lab

import (
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/controller/config"
)

// Flags begins a new life under other flags.
func (l *Lab) Flags(args ...string) {
	l.Helper()
	var err error
	l.Config, err = config.Parse(append([]string{"--cluster-name=demo-cluster", "--aws-vpc-id=vpc-0a1de000000000001",
		"--aws-region=us-west-2", "--ingress-class=alb"}, args...))
	l.Must(err)
	l.Restart()
}

// EditWeb changes Ingress web.
func (l *Lab) EditWeb(edit func(*networkingv1.Ingress)) {
	l.Helper()
	web := &networkingv1.Ingress{}
	l.Get(web, "web")
	edit(web)
	l.Must(l.Client.Update(l.Context(), web))
}
