package controller

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/startup"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// TestStartWaitsInAnotherAccountForTheOwnOne has the first credentials be of another account than the load balancers.
func TestStartWaitsInAnotherAccountForTheOwnOne(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		items := ""
		if strings.HasSuffix(r.URL.Path, "/loadbalancers") {
			items = `{"metadata":{"namespace":"shop","name":"web"},"status":{"arn":"arn:aws:elasticloadbalancing:us-west-2:` +
				`111111111111:loadbalancer/app/web/50dc"}}`
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"items":[`+items+`]}`)
	}))
	defer srv.Close()
	var told []string
	conditions := &impairment.Conditions{OnChange: func(c impairment.Change) {
		if c.Healed {
			told = append(told, "healed")
		} else if c.Blocks && strings.Contains(c.Text, "the controller works in account 222222222222") {
			told = append(told, string(c.Reason))
		}
	}}
	of := func(account string) awsclient.Connection {
		return awsclient.Connection{Scope: awsclient.Scope{Region: "us-west-2", VPC: "vpc-1"}, Account: account}
	}
	s := &start{conditions: conditions, connection: of("222222222222"), server: &startup.Server{Conditions: conditions,
		Client: discovery.NewDiscoveryClientForConfigOrDie(&rest.Config{Host: srv.URL}).RESTClient(), Host: srv.URL}}
	connects := 0
	err := s.awaitPlace(t.Context(), &config.Config{}, func(context.Context) (awsclient.Connection, error) {
		connects++
		return of("111111111111"), nil
	})
	if err != nil || connects != 1 || strings.Join(told, " ") != "place healed" {
		t.Errorf("%v; connected again %d times; %v", err, connects, told)
	}
}
