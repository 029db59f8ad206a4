package cases

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const inputs = "../../../../playground/e2e/reports/testdata/"

// played is an input in a lab.
type played struct {
	*lab.Lab
	objects map[string]client.Object // by kind and name, as they are declared
	keys    []stack.Key
	since   uint64 // the first call to AWS
	// unsettled leaves passes to the test.
	unsettled bool
}

// play has an input settle, after change, if any, changed it.
func play(t *testing.T, file string, change func(*played)) *played {
	t.Helper()
	p := &played{objects: map[string]client.Object{}}
	text, err := os.ReadFile(filepath.Join(inputs, file+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := manifest.Decode(text, "")
	if err != nil {
		t.Fatal(err)
	}
	manifest.FillIn(found)
	for _, o := range found {
		of, ok := o.(client.Object)
		if !ok {
			t.Fatalf("%T", o)
		}
		of.SetGeneration(1)
		p.objects[kindOf(of)+" "+of.GetName()] = of // a later one replaces an earlier one
	}
	p.Lab = lab.New(t, account.Profile{}, append(lab.GatewayObjects(t, lab.GatewayClasses), lab.Class())...)
	p.Core = fake.NewClientset()
	p.Restart()
	if change != nil {
		change(p)
	}
	for _, o := range p.objects {
		p.Create(o)
		p.note(o)
	}
	p.since = p.Mark()
	if !p.unsettled {
		p.settle()
	}
	return p
}

func kindOf(o client.Object) string {
	text := fmt.Sprintf("%T", o)
	return text[strings.LastIndex(text, ".")+1:]
}

// note adds the key of the stack of an object.
func (p *played) note(o client.Object) {
	id := stack.ID{Namespace: o.GetNamespace(), Name: o.GetName()}
	switch o := o.(type) {
	case *networkingv1.Ingress:
		if group := o.Annotations["alb.ingress.kubernetes.io/group.name"]; group != "" {
			id = stack.ID{Name: group}
		}
		p.keys = append(p.keys, stack.Key{Owner: stack.Ingress, ID: id})
	case *corev1.Service:
		if o.Spec.Type == corev1.ServiceTypeLoadBalancer {
			p.keys = append(p.keys, stack.Key{Owner: stack.Service, ID: id})
		}
	case *gatewayv1.Gateway:
		p.keys = append(p.keys, stack.Key{Owner: stack.GatewayALB, ID: id})
	}
}

func (p *played) settle() {
	p.Helper()
	p.Settle(p.keys...)
}

// object is an object of the input as the API server has it.
func object[T client.Object](p *played, name string) T {
	p.Helper()
	var none T
	o, ok := p.objects[kindOf(none)+" "+name].DeepCopyObject().(T)
	if !ok {
		p.Fatalf("no %T %s", none, name)
	}
	p.Must(p.Client.Get(p.Context(), client.ObjectKeyFromObject(o), o))
	return o
}

// edit changes an object.
func edit[T client.Object](p *played, name string, change func(T)) {
	p.Helper()
	o := object[T](p, name)
	change(o)
	o.SetGeneration(o.GetGeneration() + 1)
	p.Must(p.Client.Update(p.Context(), o))
}

// wantAnswers compares what the load balancer does with requests, by port, host and path.
func (p *played) wantAnswers(want map[string]string) {
	p.Helper()
	for request, answer := range want {
		var port int32
		var host, path string
		if _, err := fmt.Sscan(request, &port, &host, &path); err != nil {
			p.Fatal(request, err)
		}
		if got := p.AnswersAt(port, host, path); got != answer {
			p.Errorf("%s is answered by %q, want %s", request, got, answer)
		}
	}
}

// wantTold expects an event of an object with all the texts.
func (p *played) wantTold(object string, texts ...string) {
	p.Helper()
	if !p.Saw(object, texts...) {
		p.Errorf("no event of %s has %q:\n%s", object, texts, strings.Join(p.Events, "\n"))
	}
}

// touch changes nothing that counts of each object that is declared.
func (p *played) touch() {
	p.Helper()
	for _, o := range p.objects {
		have, _ := o.DeepCopyObject().(client.Object)
		p.Must(p.Client.Get(p.Context(), client.ObjectKeyFromObject(o), have))
		have.SetLabels(map[string]string{"example.com/touched": "true"})
		have.SetGeneration(have.GetGeneration() + 1)
		p.Must(p.Client.Update(p.Context(), have))
	}
}

// refused are the calls by which inputs hear what only AWS knows.
var refused = map[string]string{"36-one-name-for-two": "CreateLoadBalancer"}

// TestEachCaseSettlesWithoutRefusedCall plays each input. AWS refuses no call, and a touch of all objects and a start
// write nothing.
func TestEachCaseSettlesWithoutRefusedCall(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(inputs + "*.yaml")
	if err != nil || len(files) != 21 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		file := strings.TrimSuffix(filepath.Base(name), ".yaml")
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			p := play(t, file, nil)
			mark := p.Mark()
			p.touch()
			p.settle()
			writes := func(what string) {
				got := slices.DeleteFunc(p.Writes(mark), func(call string) bool { return call == refused[file] })
				if len(got) > 0 {
					t.Errorf("%s writes %v", what, got)
				}
			}
			writes("a touch")
			p.Restart()
			p.settle()
			writes("a start")
			got := slices.DeleteFunc(p.RefusedCalls(p.since), func(call string) bool {
				return refused[file] != "" && strings.HasPrefix(call, refused[file]+": ")
			})
			if len(got) > 0 {
				t.Errorf("AWS refuses %v", got)
			}
		})
	}
}
