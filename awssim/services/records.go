package services

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	rrservice "github.com/k8s-lbc/lbc/awssim/route53"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

// describedTTL is that of described records without one, in seconds: the default of Route 53's console.
const describedTTL = 300

// plantRecords fills the described hosted zones as a user would; name servers have the records at once.
func plantRecords(a *account.Account, f seed.File) error {
	service := rrservice.New(a, nil)
	for i, z := range f.HostedZones {
		batch := &types.ChangeBatch{}
		for j, r := range z.Records {
			set, err := recordSet(a, r)
			if err != nil {
				return fmt.Errorf("hostedZones[%d].records[%d]: %w", i, j, err)
			}
			batch.Changes = append(batch.Changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: set})
		}
		if len(batch.Changes) == 0 {
			continue
		}
		_, err := service.ChangeResourceRecordSets(context.Background(), &route53.ChangeResourceRecordSetsInput{
			HostedZoneId: aws.String(z.ID), ChangeBatch: batch})
		if err != nil {
			return fmt.Errorf("hostedZones[%d].records: %w", i, err)
		}
		a.Lock()
		a.HostedZones[z.ID].Establish()
		a.Unlock()
	}
	return nil
}

func recordSet(a *account.Account, r seed.Record) (*types.ResourceRecordSet, error) {
	set := &types.ResourceRecordSet{Name: aws.String(r.Name), Type: types.RRType(r.Type)}
	if r.Alias != "" {
		a.Lock()
		defer a.Unlock()
		lb := a.LoadBalancerNamed(r.Alias)
		if lb == nil {
			return nil, fmt.Errorf("alias: there is no load balancer %q in the file", r.Alias)
		}
		set.AliasTarget = &types.AliasTarget{DNSName: aws.String(lb.DNSName), HostedZoneId: aws.String(lb.HostedZone)}
		return set, nil
	}
	set.TTL = aws.Int64(r.TTL)
	if r.TTL == 0 {
		set.TTL = aws.Int64(describedTTL)
	}
	for _, v := range r.Values {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return set, nil
}
