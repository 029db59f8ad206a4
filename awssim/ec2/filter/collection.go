// Package filter is what the Describe actions of EC2 have in common: ids, filters with wildcards, pages. Which filters
// a kind of resource has is beside its actions. It imports awssim/account, ec2/request and ec2/kind.
package filter

import (
	"slices"
	"sort"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// Bounds of MaxResults.
const (
	minPage = 5
	maxPage = 1000
)

// Collection is what the Describe calls of one kind of resource have in common.
type Collection[R any] struct {
	Kind    kind.Kind
	IDParam string // name of the parameter with the ids, for messages
	All     func(a *account.Account) map[string]R
	Tags    func(R) map[string]string
	Filters map[string]Accessor[R]
	Whole   bool // the answer has pages only if the request sets their size
}

// Query is the parameters of a Describe call.
type Query struct {
	DryRun  *bool
	IDs     []string
	Filters []types.Filter
	Max     *int32
	Token   *string
}

// Describe finds the resources that have one of the ids (if any are given) and pass all filters, in AWS's lack of
// order, and the token of the next page.
func (c Collection[R]) Describe(a *account.Account, q Query) ([]R, *string, error) {
	if err := request.DryRun(q.DryRun); err != nil {
		return nil, nil, err
	}
	conditions, err := CompileFilters(q.Filters, c.Filters, c.Tags != nil)
	if err != nil {
		return nil, nil, err
	}
	if len(q.IDs) > 0 && q.Max != nil {
		return nil, nil, apierr.New("InvalidParameterCombination",
			"The parameter %s cannot be used with the parameter maxResults", c.IDParam)
	}
	all := c.All(a)
	found, err := Choose(c.Kind, q.IDs, all, a.Described)
	if err != nil {
		return nil, nil, err
	}
	found = slices.DeleteFunc(found, func(id string) bool {
		var tags map[string]string
		if c.Tags != nil && len(conditions) > 0 {
			tags = a.FilteredTags(id, c.Tags(all[id]))
		}
		return !Passes(a, all[id], tags, conditions)
	})
	resource.SortForAnswer(found)
	found, next, err := pageOf(found, q.Max, q.Token, c.Whole, a.Trouble.PageSize)
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

// Answer is resources as the SDK has them; nil if there are none.
func Answer[R, T any](found []R, out func(R) T) []T {
	var all []T
	for _, r := range found {
		all = append(all, out(r))
	}
	return all
}

// Passes reports whether a resource with those tags meets all conditions.
func Passes[R any](a *account.Account, r R, tags map[string]string, conditions []Condition[R]) bool {
	for _, c := range conditions {
		if !c.matches(a, r, tags) {
			return false
		}
	}
	return true
}

// Choose is the ids of a request, each once, or all if it has none. It fails if one does not exist, or is not seen yet.
func Choose[R any](k kind.Kind, asked []string, all map[string]R, seen func(id string) bool) ([]string, error) {
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
		return nil, k.NotFound(unknown)
	}
	return ids, nil
}

// pageOf is the part of ids, which are in answer order, that follows the token. Tokens name the id that they follow, so
// that what comes or goes between two calls makes no page skip or repeat anything. No page is larger than most, if that
// is not 0.
func pageOf(ids []string, size *int32, token *string, whole bool, most int) ([]string, *string, error) {
	limit := maxPage
	if whole {
		limit = len(ids)
	}
	if size != nil {
		if *size < minPage {
			return nil, nil, request.InvalidValue("Value ( %d ) for parameter maxResults is invalid. Expecting a value "+
				"greater than or equal to %d.", *size, minPage)
		}
		if *size > maxPage {
			return nil, nil, request.InvalidValue("Value ( %d ) for parameter maxResults is invalid. Expecting a value less "+
				"than or equal to %d.", *size, maxPage)
		}
		limit = int(*size)
	}
	if most > 0 {
		limit = min(limit, most)
	}
	if token != nil && *token != "" {
		after, ok := call.After(*token)
		if !ok {
			return nil, nil, apierr.New("InvalidNextToken", "The token '%s' is invalid", *token)
		}
		ids = ids[sort.Search(len(ids), func(i int) bool { return resource.AnsweredBefore(after, ids[i]) }):]
	}
	if len(ids) <= limit {
		return ids, nil, nil
	}
	return ids[:limit], call.Marker(ids[limit-1]), nil
}
