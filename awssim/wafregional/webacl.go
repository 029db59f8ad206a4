package wafregional

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"sort"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	"github.com/aws/aws-sdk-go-v2/service/wafregional/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

const (
	maxWebACLs = 50 // per region
	maxPage    = 100
)

var (
	nameForm   = regexp.MustCompile(`^.{1,128}$`)
	metricForm = regexp.MustCompile(`^[A-Za-z0-9]{1,128}$`)
)

// GetChangeToken gives out a token for one change. Tokens are not checked: nothing is ever changed from two sides here.
func (s *Service) GetChangeToken(ctx context.Context, in *wafregional.GetChangeTokenInput, _ ...func(*wafregional.Options)) (*wafregional.GetChangeTokenOutput, error) {
	return read(ctx, s, "GetChangeToken", in, func(*wafregional.GetChangeTokenInput) (*wafregional.GetChangeTokenOutput, error) {
		return &wafregional.GetChangeTokenOutput{ChangeToken: aws.String(s.account.NewUUID())}, nil
	})
}

// GetChangeTokenStatus answers that the change has reached all servers.
func (s *Service) GetChangeTokenStatus(ctx context.Context, in *wafregional.GetChangeTokenStatusInput, _ ...func(*wafregional.Options)) (*wafregional.GetChangeTokenStatusOutput, error) {
	return read(ctx, s, "GetChangeTokenStatus", in, func(*wafregional.GetChangeTokenStatusInput) (*wafregional.GetChangeTokenStatusOutput, error) {
		return &wafregional.GetChangeTokenStatusOutput{ChangeTokenStatus: types.ChangeTokenStatusInsync}, nil
	})
}

// CreateWebACL makes a web ACL without rules; rules cannot be added.
func (s *Service) CreateWebACL(ctx context.Context, in *wafregional.CreateWebACLInput, _ ...func(*wafregional.Options)) (*wafregional.CreateWebACLOutput, error) {
	return write(ctx, s, "CreateWebACL", in, func(in *wafregional.CreateWebACLInput) (*wafregional.CreateWebACLOutput, error) {
		name, metric := aws.ToString(in.Name), aws.ToString(in.MetricName)
		switch {
		case aws.ToString(in.ChangeToken) == "":
			return nil, apierr.New("WAFStaleDataException", "The input token is no longer current.")
		case !nameForm.MatchString(name):
			return nil, invalid("NAME", name, "ILLEGAL_ARGUMENT")
		case !metricForm.MatchString(metric):
			return nil, invalid("METRIC_NAME", metric, "ILLEGAL_ARGUMENT")
		case in.DefaultAction == nil || in.DefaultAction.Type != types.WafActionTypeAllow && in.DefaultAction.Type != types.WafActionTypeBlock:
			return nil, invalid("WAF_ACTION", "", "INVALID_OPTION")
		case len(s.account.ClassicACLs) >= maxWebACLs:
			return nil, apierr.New("WAFLimitsExceededException", "Operation would result in exceeding resource limits.")
		}
		tags := map[string]string{}
		for _, t := range in.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		c := &account.ClassicACL{
			ID: s.account.UUIDFor("webacl"), Name: name, MetricName: metric, Block: in.DefaultAction.Type == types.WafActionTypeBlock,
			Created: s.account.Clock.Now(), Tags: tags,
		}
		s.account.AddClassicACL(c)
		return &wafregional.CreateWebACLOutput{ChangeToken: in.ChangeToken, WebACL: s.describe(c)}, nil
	})
}

func (s *Service) describe(c *account.ClassicACL) *types.WebACL {
	action := types.WafActionTypeAllow
	if c.Block {
		action = types.WafActionTypeBlock
	}
	return &types.WebACL{
		WebACLId: aws.String(c.ID), WebACLArn: aws.String(s.account.ARN(service, "webacl/"+c.ID)), Name: aws.String(c.Name),
		MetricName: aws.String(c.MetricName), DefaultAction: &types.WafAction{Type: action}, Rules: []types.ActivatedRule{},
	}
}

// GetWebACL describes a web ACL.
func (s *Service) GetWebACL(ctx context.Context, in *wafregional.GetWebACLInput, _ ...func(*wafregional.Options)) (*wafregional.GetWebACLOutput, error) {
	return read(ctx, s, "GetWebACL", in, func(in *wafregional.GetWebACLInput) (*wafregional.GetWebACLOutput, error) {
		c := s.account.ClassicACLs[aws.ToString(in.WebACLId)]
		if c == nil {
			return nil, nonexistent()
		}
		return &wafregional.GetWebACLOutput{WebACL: s.describe(c)}, nil
	})
}

// DeleteWebACL deletes a web ACL that no load balancer has.
func (s *Service) DeleteWebACL(ctx context.Context, in *wafregional.DeleteWebACLInput, _ ...func(*wafregional.Options)) (*wafregional.DeleteWebACLOutput, error) {
	return write(ctx, s, "DeleteWebACL", in, func(in *wafregional.DeleteWebACLInput) (*wafregional.DeleteWebACLOutput, error) {
		c := s.account.ClassicACLs[aws.ToString(in.WebACLId)]
		if c == nil {
			return nil, nonexistent()
		}
		if len(s.account.LoadBalancersOfClassic(c.ID)) > 0 {
			return nil, apierr.New("WAFReferencedItemException", "The operation failed because you tried to delete an object that is still in use.")
		}
		delete(s.account.ClassicACLs, c.ID)
		return &wafregional.DeleteWebACLOutput{ChangeToken: in.ChangeToken}, nil
	})
}

// ListWebACLs lists the web ACLs by id.
func (s *Service) ListWebACLs(ctx context.Context, in *wafregional.ListWebACLsInput, _ ...func(*wafregional.Options)) (*wafregional.ListWebACLsOutput, error) {
	return read(ctx, s, "ListWebACLs", in, func(in *wafregional.ListWebACLsInput) (*wafregional.ListWebACLsOutput, error) {
		if in.Limit < 0 || in.Limit > maxPage {
			return nil, invalid("LIMIT", "", "ILLEGAL_ARGUMENT")
		}
		size := int(in.Limit)
		if size == 0 {
			size = maxPage
		}
		if most := s.account.Trouble.PageSize; most > 0 {
			size = min(size, most)
		}
		ids := slices.Sorted(maps.Keys(s.account.ClassicACLs))
		ids = ids[sort.Search(len(ids), func(i int) bool { return ids[i] > aws.ToString(in.NextMarker) }):]
		out := &wafregional.ListWebACLsOutput{}
		if len(ids) >= size {
			ids = ids[:size]
			out.NextMarker = aws.String(ids[size-1])
		}
		for _, id := range ids {
			c := s.account.ClassicACLs[id]
			out.WebACLs = append(out.WebACLs, types.WebACLSummary{WebACLId: aws.String(c.ID), Name: aws.String(c.Name)})
		}
		return out, nil
	})
}
