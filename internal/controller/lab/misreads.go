package lab

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// Misreads has reads of one kind of objects fail, in the caches and at the API server. A nil Misreads fails none; the
// caches are then believed.
type Misreads struct{ now atomic.Pointer[misread] }

type misread struct {
	kind   string // as KindOf has it
	way    kubeWay
	struck atomic.Int32
}

// kubeWay is what the caches and the API server answer; nil = what there is.
type kubeWay struct{ cached, live error }

// Answers reports whether the API server answers.
func (w kubeWay) Answers() bool { return w.live == nil }

// errAbsent is the answer of a cache that lacks the objects, as one that is read again may do for a moment.
var errAbsent = errors.New("the cache lacks it")

// errPartial is the answer of a cache that lacks about half of the objects, as after a list that was cut off.
var errPartial = errors.New("the cache lacks some")

// CutOff reports whether errPartial is about an object of a name.
func CutOff(name string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum32()%2 == 0
}

// errForbidden is the answer of an API server that admits no reads of a kind.
var errForbidden = apierrors.NewForbidden(schema.GroupResource{Resource: "objects"}, "", errors.New("no such right"))

// KubeWays are the ways in which a read of an object of the API server fails.
var KubeWays = map[string]kubeWay{
	"denied":               {errAbsent, errForbidden},
	"expired token":        {errAbsent, apierrors.NewUnauthorized("the token has expired")},
	"failing":              {errAbsent, apierrors.NewInternalError(errors.New("etcd has no leader"))},
	"throttled":            {errAbsent, apierrors.NewTooManyRequestsError("wait")},
	"hanging":              {errAbsent, context.DeadlineExceeded},
	"not served":           {errAbsent, errUnserved},
	"empty page":           {errAbsent, nil},
	"list cut off":         {errPartial, nil},
	"list cut off, denied": {errPartial, errForbidden},
	"the caches fail":      {errors.New("the cache has not started"), nil},
	"the caches fail, too": {errors.New("the cache has not started"), errForbidden},
}

// errUnserved is the 404 of a path that an API server, or a proxy before it, does not have.
var errUnserved = apierrors.NewGenericServerResponse(http.StatusNotFound, "get", schema.GroupResource{
	Resource: "objects"}, "web", "404 page not found", 0, true)

// Fail has reads of a kind (as KindOf has it) fail in a way from now on. struck is how many have failed.
func (m *Misreads) Fail(kind, way string) (struck func() int) {
	now := &misread{kind: kind, way: KubeWays[way]}
	m.now.Store(now)
	return func() int { return int(now.struck.Load()) }
}

// End has reads succeed.
func (m *Misreads) End() { m.now.Store(nil) }

// FailSecrets has the clientset's reads of Secrets and ConfigMaps, which no cache holds, fail as those of the API
// server.
func (m *Misreads) FailSecrets(core *clienttesting.Fake) {
	for resource, kind := range map[string]string{"secrets": "core/v1.Secret", "configmaps": "core/v1.ConfigMap"} {
		core.PrependReactor("get", resource, func(clienttesting.Action) (bool, runtime.Object, error) {
			err := m.answer(kind, func(w kubeWay) error { return w.live })
			return err != nil, nil, err
		})
	}
}

// answer is the error of a read of a kind; nil = the read succeeds.
func (m *Misreads) answer(kind string, of func(kubeWay) error) error {
	now := m.now.Load()
	if now == nil || now.kind != kind {
		return nil
	}
	err := of(now.way)
	if err != nil {
		now.struck.Add(1)
	}
	return err
}

// cache is a client as the caches answer.
func (m *Misreads) cache(whole client.Client) client.Client {
	return m.client(whole, func(w kubeWay) error { return w.cached })
}

// api is a client as the API server answers; nil = the caches are believed.
func (m *Misreads) api(whole client.Client) client.Reader {
	if m == nil {
		return nil
	}
	return named{m.client(whole, func(w kubeWay) error { return w.live })}
}

// named refuses names of objects as clients of the API server do, before they ask it. A cache refuses none.
type named struct{ client.Reader }

// Get implements client.Reader.
func (r named) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	if err := Unnameable(key.Name); err != nil {
		return err
	}
	return r.Reader.Get(ctx, key, o, options...)
}

// Unnameable is the error of clients of the API server that are to read an object of a name; nil = they read it.
func Unnameable(name string) error {
	if name == "" {
		return errors.New("resource name may not be empty")
	}
	if problems := content.IsPathSegmentName(name); len(problems) > 0 {
		return fmt.Errorf("invalid resource name %q: %v", name, problems)
	}
	return nil
}

// reader is a client as the API server answers, and the caches where these are believed.
func (m *Misreads) reader(whole client.Client) client.Reader {
	if m == nil {
		return whole
	}
	return m.api(whole)
}

func (m *Misreads) client(whole client.Client, of func(kubeWay) error) client.Client {
	watching, ok := whole.(client.WithWatch)
	if m == nil || !ok {
		return whole
	}
	return interceptor.NewClient(watching, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			options ...client.GetOption) error {
			err := m.answer(KindOf(o), answering(o, of))
			if errors.Is(err, errPartial) && !CutOff(key.Name) {
				err = nil
			}
			if errors.Is(err, errAbsent) || errors.Is(err, errPartial) {
				err = apierrors.NewNotFound(schema.GroupResource{Resource: KindOf(o)}, key.Name)
			}
			if err != nil {
				return err
			}
			return c.Get(ctx, key, o, options...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			err := m.answer(KindOf(list), of)
			if errors.Is(err, errAbsent) {
				return nil
			}
			if err != nil && !errors.Is(err, errPartial) {
				return err
			}
			if listed := c.List(ctx, list, options...); err == nil || listed != nil {
				return listed
			}
			return cutList(list)
		},
	})
}

// answering is how reads of an object are answered: no cache has ConfigMaps, which checkpoints are.
func answering(o runtime.Object, of func(kubeWay) error) func(kubeWay) error {
	if KindOf(o) == "core/v1.ConfigMap" {
		return func(w kubeWay) error { return w.live }
	}
	return of
}

// cutList takes the objects out of a list that errPartial is about.
func cutList(list client.ObjectList) error {
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	return meta.SetList(list, slices.DeleteFunc(items, func(o runtime.Object) bool {
		of, err := meta.Accessor(o)
		return err == nil && CutOff(of.GetName())
	}))
}

// KindOf is the Go type of an object, or of the objects of a list, with its package: "core/v1.Service".
func KindOf(o runtime.Object) string {
	t := reflect.TypeOf(o).Elem()
	return path.Base(path.Dir(t.PkgPath())) + "/" + path.Base(t.PkgPath()) + "." + strings.TrimSuffix(t.Name(), "List")
}
