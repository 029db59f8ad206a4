package wire

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

// rig is a server whose handler a test sets, and clients of it.
type rig struct {
	t       *testing.T
	server  *Server
	url     string
	handler atomic.Value // func(service, action string, in any) (any, error)
}

type fakeHandler func(ctx context.Context, service, action string, in any) (any, error)

// newRig serves every action that the SDK's clients have, through the one handler.
func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	if o.Region == "" {
		o.Region = "us-west-2"
	}
	if o.Logf == nil {
		o.Logf = t.Logf
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, server: s}
	for name, client := range r.clients() {
		s.operations[name] = map[string]operation{}
		for action, op := range actionsOf(name, client) {
			output := op.Type.Out(0)
			s.operations[name][action] = operation{
				input: op.Type.In(2).Elem(),
				call: func(ctx context.Context, in reflect.Value) (reflect.Value, error) {
					out, err := r.handler.Load().(fakeHandler)(ctx, name, action, in.Interface())
					if err != nil {
						return reflect.Value{}, err
					}
					if out == nil {
						return reflect.Zero(output), nil
					}
					return reflect.ValueOf(out), nil
				},
			}
		}
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *rig) handle(h fakeHandler) { r.handler.Store(h) }

func (r *rig) config() aws.Config {
	transport := &http.Transport{}
	r.t.Cleanup(transport.CloseIdleConnections)
	return aws.Config{
		Region: "us-west-2", BaseEndpoint: aws.String(r.url),
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
		HTTPClient:  sdkhttp.Client(&http.Client{Transport: transport}),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func (r *rig) clients() map[string]any {
	c := r.config()
	return map[string]any{
		"elasticloadbalancing": elasticloadbalancingv2.NewFromConfig(c),
		"ec2":                  ec2.NewFromConfig(c),
		"sts":                  sts.NewFromConfig(c),
		"acm":                  acm.NewFromConfig(c),
		"tagging":              resourcegroupstaggingapi.NewFromConfig(c),
		"wafv2":                wafv2.NewFromConfig(c),
		"shield":               shield.NewFromConfig(c, func(o *shield.Options) { o.Region = "us-east-1" }),
		"globalaccelerator":    globalaccelerator.NewFromConfig(c),
		"route53":              route53.NewFromConfig(c),
	}
}

// actionsOf are the client's methods that the wire names are known of.
func actionsOf(service string, client any) map[string]reflect.Method {
	found := map[string]reflect.Method{}
	t := reflect.TypeOf(client)
	for i := range t.NumMethod() {
		m := t.Method(i)
		if m.Type.NumIn() == 4 && m.Type.IsVariadic() && m.Type.In(1) == contextType &&
			(service != "ec2" || slices.Contains(computeActions, m.Name)) &&
			!containsInterface(m.Type.In(2), nil) && !containsInterface(m.Type.Out(0), nil) {
			found[m.Name] = m
		}
	}
	return found
}

// containsInterface reports whether a union is part of t; no action of the simulator has one.
func containsInterface(t reflect.Type, seen []reflect.Type) bool {
	if slices.Contains(seen, t) {
		return false
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return containsInterface(t.Elem(), append(seen, t))
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && f.Name != "ResultMetadata" && containsInterface(f.Type, append(seen, t)) {
				return true
			}
		}
	case reflect.Interface:
		return true
	default:
	}
	return false
}

// filler sets every field to a value of its own.
type filler struct {
	n     int
	empty bool // lists and maps empty instead of with two elements
	path  []reflect.Type
}

func (f *filler) fill(v reflect.Value, depth int) {
	f.n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), depth)
	case reflect.Struct:
		if v.Type() == timeType {
			v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC).Add(time.Duration(f.n) * time.Second)))
			return
		}
		f.path = append(f.path, v.Type())
		defer func() { f.path = f.path[:len(f.path)-1] }()
		for i := range v.NumField() {
			if t := v.Type().Field(i); t.IsExported() && t.Name != "ResultMetadata" && depth < 24 && !f.nests(t.Type) {
				f.fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte{0, 1, 255, byte(f.n)})
			return
		}
		n := 2
		if f.empty {
			n = 0
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range 2 {
			if f.empty {
				break
			}
			e := reflect.New(v.Type().Elem()).Elem()
			f.fill(e, depth+1)
			v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("key<%d>", i)).Convert(v.Type().Key()), e)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text & <%d> é", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.n) + 0.25)
	default:
		panic("no value for " + v.Type().String())
	}
}

// nests reports whether a field would go deeper into a shape that the value being filled is in twice already: the
// statements of a web ACL hold statements.
func (f *filler) nests(t reflect.Type) bool {
	t = element(t)
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		inner, times := element(t.Field(i).Type), 0
		for _, p := range f.path {
			if p == inner {
				times++
			}
		}
		if times > 1 {
			return true
		}
	}
	return false
}

// element is what pointers and lists of t lead to.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

func ignoreMetadata(p cmp.Path) bool {
	last := p.Last().String()
	return last == ".ResultMetadata" || last == ".noSmithyDocumentSerde"
}

func TestEveryFieldOfEveryActionCrossesTheWireBothWays(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	total := 0
	clients := r.clients()
	clients["tagging JSON"] = r.taggingJSON()
	for service, client := range clients {
		service, _, _ = strings.Cut(service, " ")
		for action, method := range actionsOf(service, client) {
			total++
			for _, empty := range []bool{false, true} {
				f := &filler{empty: empty}
				in, out := reflect.New(method.Type.In(2).Elem()), reflect.New(method.Type.Out(0).Elem())
				f.fill(in.Elem(), 0)
				f.fill(out.Elem(), 0)
				// EC2 sends nothing for an empty list.
				lenient := cmp.FilterPath(func(cmp.Path) bool { return empty && service == "ec2" },
					cmp.FilterValues(bothEmpty, cmp.Ignore()))
				// The query clients send nothing for an empty map.
				maps := cmp.FilterValues(bothEmptyMaps, cmp.Ignore())
				r.handle(func(_ context.Context, s, a string, got any) (any, error) {
					if s != service || a != action {
						t.Errorf("%s %s arrived as %s %s", service, action, s, a)
					}
					if diff := cmp.Diff(in.Interface(), got, cmp.FilterPath(ignoreMetadata, cmp.Ignore()), lenient, maps); diff != "" {
						t.Errorf("%s %s: input changed on the way (-sent +received):\n%s", service, action, diff)
					}
					return out.Interface(), nil
				})
				results := method.Func.Call([]reflect.Value{reflect.ValueOf(client), reflect.ValueOf(t.Context()), in})
				if err, _ := results[1].Interface().(error); err != nil {
					t.Errorf("%s %s: %v", service, action, err)
					continue
				}
				if diff := cmp.Diff(out.Interface(), results[0].Interface(), cmp.FilterPath(ignoreMetadata, cmp.Ignore()),
					maps); diff != "" {
					t.Errorf("%s %s: output changed on the way (-sent +received):\n%s", service, action, diff)
				}
			}
		}
	}
	if total < 400 {
		t.Errorf("only %d actions were tried", total)
	}
	t.Logf("%d actions", total)
}

func bothEmpty(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	return x.IsValid() && y.IsValid() && x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0
}

func bothEmptyMaps(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	return x.IsValid() && y.IsValid() && x.Kind() == reflect.Map && x.Len() == 0 && y.Len() == 0
}

func elem(p any) reflect.Value { return reflect.ValueOf(p).Elem() }
