package accelerator

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
)

const roleKey = "AKIACONTROLLER000001"

// hold gives the controller a role with policies, as IAM judges its calls by them. Denials are in the list.
func (w *world) hold(policies ...iampolicy.Document) (denied *[]string) {
	w.t.Helper()
	denied = new([]string)
	grants := simaccount.Grants{}
	w.sim.Account.Lock()
	defer w.sim.Account.Unlock()
	for i, d := range policies {
		text, err := json.Marshal(d)
		w.must(err)
		parsed, err := policy.ParseIdentity(text)
		w.must(err)
		name := "controller" + string(rune('a'+i))
		w.sim.Account.AddPolicy(&simaccount.Policy{Name: name, Document: parsed})
		grants.Policies = append(grants.Policies, name)
	}
	w.sim.Account.AddUser(&simaccount.User{Name: "controller", Path: "/", Keys: map[string]string{roleKey: ""},
		Grants: grants})
	w.judge = func(ctx context.Context, service, action string, in any) error {
		err := iam.Authorizer(w.sim.Account)(ctx, service, action, roleKey, in)
		if err != nil {
			*denied = append(*denied, err.Error())
		}
		return err
	}
	return denied
}

// listen is a listener for one port with endpoint groups.
func listen(protocol agav1beta1.Protocol, port int32, groups ...agav1beta1.EndpointGroup) agav1beta1.Listener {
	return agav1beta1.Listener{Protocol: to(protocol), PortRanges: []agav1beta1.PortRange{{FromPort: port, ToPort: port}},
		ClientAffinity: agav1beta1.NoAffinity, EndpointGroups: groups}
}

// wholeLife has an accelerator meet every call: created, read again, edited in each part, deleted.
func (w *world) wholeLife() (called []string) {
	w.t.Helper()
	web, more := endpoint(agav1beta1.EndpointService, "", "web"), endpoint(agav1beta1.EndpointService, "", "more")
	step := func(change func(*agav1beta1.GlobalAccelerator)) {
		w.t.Helper()
		w.edit(change)
		w.settle()
		called = append(called, strings.Fields(w.called())...)
	}
	w.settle()
	called = strings.Fields(w.called())
	w.restart()
	step(func(ga *agav1beta1.GlobalAccelerator) {
		ga.Spec.Name, ga.Spec.Tags = to("front"), map[string]string{"env": "prod"}
		ga.Spec.Listeners[0].EndpointGroups[0].TrafficDialPercentage = to(int32(50))
	})
	step(func(ga *agav1beta1.GlobalAccelerator) {
		ga.Spec.Listeners = []agav1beta1.Listener{
			listen(agav1beta1.TCP, 80, agav1beta1.EndpointGroup{Endpoints: []agav1beta1.Endpoint{web, more}}),
			listen(agav1beta1.UDP, 53, agav1beta1.EndpointGroup{Region: to("eu-west-1")}),
		}
	})
	step(func(ga *agav1beta1.GlobalAccelerator) {
		ga.Spec.Listeners = []agav1beta1.Listener{
			listen(agav1beta1.TCP, 443, agav1beta1.EndpointGroup{Endpoints: []agav1beta1.Endpoint{web}})}
	})
	w.must(w.client.Delete(w.t.Context(), w.get()))
	w.settle()
	called = append(called, strings.Fields(w.called())...)
	if err := w.client.Get(w.t.Context(), name, &agav1beta1.GlobalAccelerator{}); !apierrors.IsNotFound(err) {
		w.t.Errorf("the object stays: %v", err)
	}
	w.want("what is left", w.accelerators(), "")
	return called
}

func TestAcceleratorPoliciesAreSufficientAndMinimal(t *testing.T) {
	t.Parallel()
	smallest := func(o iampolicy.Options) iampolicy.Document {
		o.Cluster = "my-cluster"
		d, err := iampolicy.Minimal(iampolicy.Calls(), o)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for name, policies := range map[string][]iampolicy.Document{
		"the smallest ones": {smallest(iampolicy.Options{Features: iampolicy.Defaults()}),
			smallest(iampolicy.Options{Features: []iampolicy.Feature{iampolicy.GlobalAccelerator}, Apart: true})},
		"those of existing installations": {iampolicy.Standard("aws"), iampolicy.Accelerators("aws")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ga := object(nil, endpoint(agav1beta1.EndpointService, "", "web"))
			ga.Spec.Tags = map[string]string{"team": "blue"}
			w := newWorld(t, ga, service("default", "web", "k8s-web", 80, 81), service("default", "more", "k8s-more", 80))
			w.balancer("k8s-web")
			w.balancer("k8s-more")
			denied := w.hold(policies...)
			called := w.wholeLife()
			if len(*denied) > 0 {
				t.Errorf("denied: %s", strings.Join(*denied, "\n"))
			}
			for name, o := range permission.Operations {
				if action := strings.TrimPrefix(name, awsclient.ServiceGlobalAccelerator+" "); o.Service ==
					awsclient.ServiceGlobalAccelerator && !slices.Contains(called, action) {
					t.Errorf("%s is not called", action)
				}
			}
		})
	}
}

// TestWithoutThePolicyOfAcceleratorsTheStatusNamesTheAction has a role with the policy of load balancers only.
func TestWithoutThePolicyOfAcceleratorsTheStatusNamesTheAction(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.hold(iampolicy.Standard("aws"))
	if _, err := w.pass(); err == nil {
		t.Error("it is not tried again")
	}
	if told := w.told(); !strings.Contains(told, corev1.EventTypeWarning+" FailedDeploy: ") ||
		!strings.Contains(told, "globalaccelerator:ListAccelerators") || !strings.Contains(told, "lbc iam-policy") {
		t.Errorf("events: %s", told)
	}
}
