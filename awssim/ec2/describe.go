package ec2

import (
	"encoding/base64"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// Bounds of MaxResults.
const (
	minPage = 5
	maxPage = 1000
)

// collection is what the Describe calls of one kind of resource have in common.
type collection[R any] struct {
	kind    kind
	idParam string // name of the parameter with the ids, for messages
	all     func(a *account.Account) map[string]R
	tags    func(R) map[string]string
	filters map[string]accessor[R]
	whole   bool // the answer is not paged unless the caller asks for it
}

// query is what a Describe call asks for.
type query struct {
	ids     []string
	filters []types.Filter
	max     *int32
	token   *string
}

// describe finds the resources that have one of the ids (if any are given) and pass all filters, in AWS's lack of order,
// and the token of the next page.
func (c collection[R]) describe(a *account.Account, q query) ([]R, *string, error) {
	conditions, err := compileFilters(q.filters, c.filters, c.tags != nil)
	if err != nil {
		return nil, nil, err
	}
	if len(q.ids) > 0 && q.max != nil {
		return nil, nil, apierr.New("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", c.idParam)
	}
	all := c.all(a)
	found, err := choose(c.kind, q.ids, all, a.Described)
	if err != nil {
		return nil, nil, err
	}
	found = slices.DeleteFunc(found, func(id string) bool {
		var tags map[string]string
		if c.tags != nil && len(conditions) > 0 {
			tags = a.FilteredTags(id, c.tags(all[id]))
		}
		return !passes(a, all[id], tags, conditions)
	})
	resource.SortForAnswer(found)
	found, next, err := pageOf(found, q.max, q.token, c.whole, a.Trouble.PageSize)
	if err != nil {
		return nil, nil, err
	}
	out := make([]R, len(found))
	for i, id := range found {
		out[i] = all[id]
	}
	a.Trouble.Order(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, next, nil
}

func passes[R any](a *account.Account, r R, tags map[string]string, conditions []condition[R]) bool {
	for _, c := range conditions {
		if !c.holds(a, r, tags) {
			return false
		}
	}
	return true
}

// choose is the ids asked for, each once, or all if none is. It fails if any does not exist, or is not seen yet.
func choose[R any](k kind, asked []string, all map[string]R, seen func(id string) bool) ([]string, error) {
	if len(asked) == 0 {
		ids := make([]string, 0, len(all))
		for id := range all {
			if seen(id) {
				ids = append(ids, id)
			}
		}
		return ids, nil
	}
	ids := slices.Clone(asked)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	unknown := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, ok := all[id]; return ok && seen(id) })
	if len(unknown) > 0 {
		return nil, k.notFound(unknown)
	}
	return ids, nil
}

// pageOf is the part of ids, which are in answer order, that follows the token. Tokens name the id that they follow, so
// that what comes or goes between two calls makes no page skip or repeat anything. No page is larger than most, if that is
// not 0.
func pageOf(ids []string, size *int32, token *string, whole bool, most int) ([]string, *string, error) {
	limit := maxPage
	if whole {
		limit = len(ids)
	}
	if size != nil {
		if *size < minPage {
			return nil, nil, invalidValue("Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than or equal to %d.", *size, minPage)
		}
		if *size > maxPage {
			return nil, nil, invalidValue("Value ( %d ) for parameter maxResults is invalid. Expecting a value less than or equal to %d.", *size, maxPage)
		}
		limit = int(*size)
	}
	if most > 0 {
		limit = min(limit, most)
	}
	if token != nil && *token != "" {
		text, err := base64.RawURLEncoding.DecodeString(*token)
		after, ok := strings.CutPrefix(string(text), "after:")
		if err != nil || !ok {
			return nil, nil, apierr.New("InvalidNextToken", "The token '%s' is invalid", *token)
		}
		ids = ids[sort.Search(len(ids), func(i int) bool { return resource.AnsweredBefore(after, ids[i]) }):]
	}
	if len(ids) <= limit {
		return ids, nil, nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte("after:" + ids[limit-1]))
	return ids[:limit], &next, nil
}
