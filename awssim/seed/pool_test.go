package seed

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
)

func TestPoolsAndQuotasComeFromTheFile(t *testing.T) {
	t.Parallel()
	f := Default()
	f.IPAMPools = []IPAMPool{{ID: "ipam-pool-1", CIDRs: []string{"203.0.113.1/28"}}}
	f.CustomerPools = []CustomerPool{{ID: "ipv4pool-coip-1", RouteTable: "lgw-rtb-1", CIDRs: []string{"203.0.113.64/28"}}}
	f.Quotas = map[string]int{"vpcs": 9}
	var a account.Account
	if err := f.Apply(&a); err != nil {
		t.Fatal(err)
	}
	if p := a.IPAMPools["ipam-pool-1"]; p == nil || !p.Public || p.Family != "ipv4" ||
		p.CIDRs[0].String() != "203.0.113.0/28" {
		t.Errorf("pool %+v", p)
	}
	if p := a.CustomerPools["ipv4pool-coip-1"]; p == nil || p.RouteTable != "lgw-rtb-1" {
		t.Errorf("pool %+v", p)
	}
	if a.Quota("vpcs") != 9 {
		t.Errorf("%d VPCs may be made", a.Quota("vpcs"))
	}
	for name, change := range map[string]func(*File){
		"quotas":        func(f *File) { f.Quotas = map[string]int{"lunches": 1} },
		"ipamPools":     func(f *File) { f.IPAMPools = []IPAMPool{{ID: "pool-1"}} },
		"customerPools": func(f *File) { f.CustomerPools = []CustomerPool{{ID: "ipv4pool-coip-1", CIDRs: []string{"x"}}} },
	} {
		f := Default()
		change(&f)
		if err := f.Apply(new(account.Account)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
