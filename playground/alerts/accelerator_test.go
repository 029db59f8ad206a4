package alerts

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/awssim"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/accelerator"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

// accelerators are the controller of GlobalAccelerators, with its queue and its pauses, and an account.
type accelerators struct {
	client client.Client
	r      *accelerator.Reconciler
}

// stubManager is what the controller of GlobalAccelerators needs of a manager.
type stubManager struct {
	manager.Manager
	informers *informertest.FakeInformers
	added     manager.Runnable
}

// GetLogger implements manager.Manager.
func (m *stubManager) GetLogger() logr.Logger { return logr.Discard() }

// GetCache implements manager.Manager.
func (m *stubManager) GetCache() cache.Cache { return m.informers }

// Add implements manager.Manager.
func (m *stubManager) Add(r manager.Runnable) error { m.added = r; return nil }

// newAccelerators starts the controller. Its calls of Global Accelerator pass the limiter and the faults of the world.
func (w *world) newAccelerators(ctx context.Context, t *testing.T, m *metrics.Metrics) *accelerators {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sim, err := awssim.New(awssim.Options{Profile: simaccount.Profile{AcceleratorDeploy: 10 * time.Second},
		Authorize: func(ctx context.Context, service, action, _ string, _ any) error {
			if service != "globalaccelerator" {
				return nil
			}
			return w.callOf(ctx, awsclient.ServiceGlobalAccelerator, action)
		}})
	must(err)
	scheme, err := readable.Scheme()
	must(err)
	declared := declare.Config{Cluster: "my-cluster", Region: "us-west-2"}
	from := account.New(awsclient.Clients{ELBV2: sim.Balancing, Accelerators: sim.Edge}, declared, time.Hour, time.Now)
	from.KnownOwner = func(string) (stack.Key, bool) { return stack.Key{}, true }
	r := accelerator.New(from, declared, time.Now)
	a := &accelerators{r: r, client: fake.NewClientBuilder().WithScheme(scheme).
		WithStatusSubresource(&agav1beta1.GlobalAccelerator{}).Build()}
	r.Client, r.Live, r.Metrics, r.Waiting = a.client, a.client, m, w.board
	r.Reporter = reporting.NewReporter(func(diag.Object, reporting.Event) {}, time.Now)
	mgr := &stubManager{informers: newInformers(scheme)}
	must(r.SetUp(mgr, 1, 1000*time.Second))
	go func() {
		_ = mgr.added.Start(ctx)
	}()
	go a.edit(ctx)
	go a.replace(ctx)
	return a
}

// newInformers are informers that have synced and show nothing: edits wake the controller.
func newInformers(scheme *runtime.Scheme) *informertest.FakeInformers {
	synced := true
	return &informertest.FakeInformers{Scheme: scheme, Synced: &synced}
}

func (a *accelerators) object(name string) *agav1beta1.GlobalAccelerator {
	port, protocol, dial := int32(80), agav1beta1.TCP, int32(100)
	return &agav1beta1.GlobalAccelerator{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name,
		CreationTimestamp: metav1.Now()},
		Spec: agav1beta1.GlobalAcceleratorSpec{IPAddressType: agav1beta1.IPV4, Listeners: []agav1beta1.Listener{{
			ClientAffinity: agav1beta1.NoAffinity, Protocol: &protocol,
			PortRanges:     []agav1beta1.PortRange{{FromPort: port, ToPort: port}},
			EndpointGroups: []agav1beta1.EndpointGroup{{TrafficDialPercentage: &dial}}}}}}
}

func (a *accelerators) wake(o client.Object) {
	a.r.Waker.Wake(queue.Normal, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
}

// edit changes the traffic dial of an accelerator each minute.
func (a *accelerators) edit(ctx context.Context) {
	o := a.object("kept")
	_ = a.client.Create(ctx, o)
	a.wake(o)
	every(ctx, time.Minute, func() {
		if a.client.Get(ctx, client.ObjectKeyFromObject(o), o) != nil {
			return
		}
		o.Generation++
		*o.Spec.Listeners[0].EndpointGroups[0].TrafficDialPercentage = int32(o.Generation % 100)
		if a.client.Update(ctx, o) == nil {
			a.wake(o)
		}
	})
}

// replace creates an accelerator and deletes it after some minutes, again and again.
func (a *accelerators) replace(ctx context.Context) {
	every(ctx, 3*time.Minute, func() {
		o := a.object("replaced")
		switch err := a.client.Get(ctx, client.ObjectKeyFromObject(o), o); {
		case err != nil:
			_ = a.client.Create(ctx, o)
		case o.DeletionTimestamp == nil:
			_ = a.client.Delete(ctx, o)
		default:
			return
		}
		a.wake(o)
	})
}
