package awssim

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// The fuzzers of one service's calls; elbv2, whose state is the richest, has its own.
func FuzzComputeCalls(f *testing.F)     { fuzzService(f, "ec2") }
func FuzzCertificateCalls(f *testing.F) { fuzzService(f, "acm", "route53") }
func FuzzAddOnCalls(f *testing.F) {
	fuzzService(f, "wafv2", "shield", "globalaccelerator", "sts", "tagging")
}

func fuzzService(f *testing.F, services ...string) {
	for seed := range uint64(sample.Count(1, 3)) {
		f.Add(fuzzProgram(seed, 800))
	}
	f.Fuzz(func(t *testing.T, data []byte) { newFuzzer(t, data).run(t, services) })
}

func fuzzProgram(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 12))
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// TestTheFuzzersReachMostActions shows that the programs which the fuzzers begin with are not all refused.
func TestTheFuzzersReachMostActions(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("720,000 bytes of programs")
	}
	for services, least := range map[string]float64{"ec2": 0.6, "acm,route53": 0.5,
		"wafv2,shield,globalaccelerator,sts,tagging": 0.45} {
		names := strings.Split(services, ",")
		reached, all := map[string]bool{}, 0
		for seed := range uint64(12) {
			z := newFuzzer(t, fuzzProgram(seed, 20000))
			z.run(t, names)
			for action := range z.reached {
				reached[action] = true
			}
			all = len(z.actions(names))
		}
		if share := float64(len(reached)) / float64(all); share < least {
			t.Errorf("%s: only %d of %d actions ever succeed", services, len(reached), all)
		}
	}
}

// fuzzer makes the calls that a program of bytes means. What answers contain goes into later calls, by the name of the
// field.
type fuzzer struct {
	data    []byte
	sim     *Simulator
	clock   *clock.Stepped
	seen    map[string][]string // what answers contained, by the name of the field
	density int                 // of the fields given in this call, in 16ths
	reached map[string]bool
}

func newFuzzer(t *testing.T, data []byte) *fuzzer {
	z := &fuzzer{data: data, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		reached: map[string]bool{}}
	z.seen = map[string][]string{
		"CidrBlock": {"10.9.0.0/16", "10.9.1.0/24", "10.0.9.0/24"}, "DestinationCidrBlock": {"0.0.0.0/0"},
		"Cidr": {"10.9.0.0/16"}, "CidrIp": {"10.0.0.0/8"},
		"DomainName": {"app.example.com", "*.example.com"}, "Name": {"n0", "n1", "example.com", "www.example.com"},
		"DNSName":         {"www.example.com"},
		"CallerReference": {"a", "b", "c", "d"}, "Type": {"A", "CNAME", "TXT"}, "Value": {"192.0.2.1", "x", "\"text\""},
		"Key": {"k", "Name"}, "Domain": {"vpc"},
		"AvailabilityZone": {"us-west-2a", "us-west-2b"}, "EndpointGroupRegion": {"us-west-2"}, "RoleSessionName": {
			"session"}, "Description": {"text"}, "GroupName": {"g1", "g2", "g3"},
		"IpProtocol": {"tcp", "-1"}, "MetricName": {"m"}, "PrefixListName": {"pl"}, "AddressFamily": {"IPv4"}, "ImageId": {
			"ami-0123456789abcdef0"}, "IdempotencyToken": {"t1", "t2", "t3"},
	}
	sim, err := New(Options{Clock: z.clock, Profile: account.Fast(), Random: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	z.sim = sim
	return z
}

// n is a number in [0, most) from the program; behind its end 0.
func (z *fuzzer) n(most int) int {
	if len(z.data) == 0 {
		return 0
	}
	v := int(z.data[0])
	z.data = z.data[1:]
	return v % most
}

func (z *fuzzer) services() map[string]any {
	return map[string]any{
		"ec2": z.sim.Compute, "acm": z.sim.Trust, "route53": z.sim.Names, "wafv2": z.sim.Firewall, "shield": z.sim.Shield,
		"globalaccelerator": z.sim.Edge, "sts": z.sim.Identity, "tagging": z.sim.Tagging,
	}
}

// action is one method of the SDK's form.
type action struct {
	name string
	call reflect.Value
}

func (z *fuzzer) actions(services []string) []action {
	var list []action
	all := z.services()
	for _, s := range services {
		v := reflect.ValueOf(all[s])
		for i := range v.NumMethod() {
			if m := v.Type().Method(i); m.Type.NumIn() == 4 && m.Type.IsVariadic() && m.Type.NumOut() == 2 {
				list = append(list, action{name: s + ":" + m.Name, call: v.Method(i)})
			}
		}
	}
	return list
}

func (z *fuzzer) run(t *testing.T, services []string) {
	actions := z.actions(services)
	for _, a := range actions { // what there is at first
		if name := a.name[strings.IndexByte(a.name, ':')+1:]; strings.HasPrefix(name, "Describe") ||
			strings.HasPrefix(name, "List") {
			z.perform(t, a, reflect.New(a.call.Type().In(1).Elem()))
		}
	}
	for calls := 0; len(z.data) > 0 && calls < 600; calls++ {
		if z.n(8) == 0 {
			z.clock.Advance(time.Duration(z.n(200)) * time.Millisecond)
		}
		a := actions[z.n(256)*len(actions)/256]
		in := reflect.New(a.call.Type().In(1).Elem())
		z.density = []int{6, 12, 14, 16, 16, 16, 16, 16}[z.n(8)]
		z.fill(in.Elem(), "", 0)
		z.perform(t, a, in)
		z.sim.Account.Lock()
		faults := z.sim.Account.Check()
		z.sim.Account.Unlock()
		if len(faults) > 0 {
			t.Fatalf("after %s(%+v): %v", a.name, in.Interface(), faults)
		}
	}
}

// perform makes a call, remembers what the answer contains, and refuses errors that are not AWS's.
func (z *fuzzer) perform(t *testing.T, a action, in reflect.Value) {
	results := a.call.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
	if err, _ := results[1].Interface().(error); err != nil {
		if e := apierr.As(err); e == nil || e.Code == "" || e.Status < 400 || strings.Contains(e.Message, "%!") {
			t.Fatalf("%s answers no error of AWS's: %v", a.name, err)
		}
		return
	}
	z.reached[a.name] = true
	z.learn(results[0], "", 0)
}

// learn keeps the texts of an answer by the names of their fields.
func (z *fuzzer) learn(v reflect.Value, field string, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			z.learn(v.Elem(), field, depth)
		}
	case reflect.Struct:
		if depth > 5 {
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				name := f.Name
				if name == "Id" || name == "Arn" || name == "ARN" { // whose it is, the type tells
					z.learn(v.Field(i), v.Type().Name()+name, depth+1)
				}
				z.learn(v.Field(i), name, depth+1)
			}
		}
	case reflect.Slice:
		for i := range min(v.Len(), 12) {
			z.learn(v.Index(i), strings.TrimSuffix(field, "s"), depth+1)
		}
	case reflect.String:
		if known := z.seen[field]; v.Len() > 0 && v.Len() < 300 && len(known) < 60 && !slices.Contains(known, v.String()) {
			z.seen[field] = append(known, v.String())
		}
	default: // numbers and flags need no memory
	}
}

// fill sets a field by its type, and texts by what was seen under the field's name.
func (z *fuzzer) fill(v reflect.Value, field string, depth int) {
	given := z.n(16) < z.density
	if _, nested := optional[field]; nested || depth > 2 {
		given = z.n(16) < z.density/4
	}
	if depth == 1 && (field == "Scope" || field == "CidrBlock") {
		given = true
	}
	switch v.Kind() {
	case reflect.Pointer:
		if given && depth < 6 && v.Type().Elem() != reflect.TypeFor[time.Time]() {
			p := reflect.New(v.Type().Elem())
			z.fill(p.Elem(), field, depth)
			v.Set(p)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "DryRun" {
				z.fill(v.Field(i), f.Name, depth+1)
			}
		}
	case reflect.Slice:
		if !given || depth > 6 {
			return
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(z.text(field)))
			return
		}
		n := []int{1, 1, 1, 2, 2, 3, 0}[z.n(7)]
		list := reflect.MakeSlice(v.Type(), n, n)
		for i := range n {
			z.fill(list.Index(i), strings.TrimSuffix(field, "s"), depth+1)
		}
		v.Set(list)
	case reflect.Map:
		if given && v.Type().Key().Kind() == reflect.String && v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.ValueOf(z.text("Key")).Convert(v.Type().Key()), reflect.ValueOf(z.text("Value")).Convert(
				v.Type().Elem()))
		}
	case reflect.Bool:
		v.SetBool(z.n(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt([]int64{1, 1, 2, 10, 80, 443, 0, -1, 1<<31 - 1}[z.n(9)])
	case reflect.Float32, reflect.Float64:
		v.SetFloat([]float64{0, 1, 50, 100, 101}[z.n(5)])
	case reflect.String:
		if values := v.MethodByName("Values"); values.IsValid() && z.n(20) != 0 {
			if list := values.Call(nil)[0]; given && list.Len() > 0 {
				v.Set(list.Index(z.n(256) % list.Len()))
			}
			return
		}
		v.SetString(z.text(field))
	default: // inputs have few other kinds, such as documents
	}
}

// optional are fields that most calls leave out, and that forbid others or must fit them.
var optional = map[string]bool{
	"TagSpecifications": true, "NextToken": true, "MaxResults": true, "Marker": true, "NextMarker": true,
	"Ipv6CidrBlock": true, "AvailabilityZoneId": true, "OutpostArn": true,
	"Ipv4IpamPoolId": true, "Ipv6IpamPoolId": true, "IpAddresses": true, "CertificateAuthorityArn": true,
	"PolicyArns": true, "Policy": true, "Ipv6Pool": true, "Filters": true,
	"DelegationSetId": true, "VPC": true, "Tags": true, "SourceSecurityGroupName": true, "ResourceARNList": true,
}

func (z *fuzzer) text(field string) string {
	if z.n(16) == 0 {
		return []string{"", "x", "é\x00", strings.Repeat("a", 1100), "arn:aws:acm:eu-west-1:1:certificate/1"}[z.n(5)]
	}
	if strings.HasPrefix(field, "Resource") { // the resource of any kind
		var ids []string
		for _, name := range slices.Sorted(maps.Keys(z.seen)) {
			if strings.HasSuffix(strings.ToLower(name), "id") || strings.HasSuffix(strings.ToLower(name), "arn") {
				ids = append(ids, z.seen[name]...)
			}
		}
		if len(ids) > 0 {
			return ids[(z.n(256)<<8|z.n(256))%len(ids)]
		}
	}
	for _, name := range []string{field, "Id", "Name"} {
		for _, known := range [][]string{z.seen[name], z.seen[strings.Replace(name, "Id", "ID", 1)],
			z.seen[strings.ToUpper(name)]} {
			if len(known) > 0 {
				return known[z.n(256)%len(known)]
			}
		}
	}
	return fmt.Sprintf("v%d", z.n(4))
}
