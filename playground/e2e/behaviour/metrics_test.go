package behaviour

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// samples are a page of metrics: name and labels as written, and the value.
type samples map[string]float64

// scrape reads a page of metrics.
func scrape(ctx context.Context, url string) (samples, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, resp.Status)
	}
	all := samples{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			all[line[:at]] = v
		}
	}
	return all, lines.Err()
}

// sum adds up the samples of a metric that have all the labels, each as in name="value".
func (s samples) sum(metric string, labels ...string) float64 {
	total := 0.0
sample:
	for key, v := range s {
		name, rest, _ := strings.Cut(key, "{")
		if name != metric {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(rest, l) {
				continue sample
			}
		}
		total += v
	}
	return total
}

// has reports whether there is any sample of the metric.
func (s samples) has(metric string) bool {
	for key := range s {
		if name, _, _ := strings.Cut(key, "{"); name == metric || strings.HasPrefix(name, metric+"_") {
			return true
		}
	}
	return false
}
