package inventory

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/facts"
)

// trustStores finds trust stores by name. A region has few: all are read at once, as one missing name fails a call by names.
func (a *answer) trustStores(ctx context.Context) error {
	i, names := a.i, a.keys(facts.NeedTrustStore)
	life := func(found map[string]string) time.Duration {
		for _, n := range names {
			if found[n] == "" {
				return absentLifetime
			}
		}
		return trustStoreLifetime
	}
	all, err := learn(ctx, i, "trust stores", &i.facts.trustStores, life, i.cfg.Moment, i.listTrustStores)
	if err != nil {
		return err
	}
	a.set(func(f *facts.Facts) {
		f.TrustStores = map[string]string{}
		for _, n := range names {
			f.TrustStores[n] = all[n]
		}
	})
	return nil
}

func (i *Inventory) listTrustStores(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	for p := elbv2.NewDescribeTrustStoresPaginator(i.clients.ELBV2, &elbv2.DescribeTrustStoresInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing trust stores: %w", err)
		}
		for _, t := range page.TrustStores {
			out[aws.ToString(t.Name)] = aws.ToString(t.TrustStoreArn)
		}
	}
	return out, nil
}
