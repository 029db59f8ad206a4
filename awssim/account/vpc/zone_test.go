package vpc

import "testing"

func TestZoneIdsBeginWithTheRegionsShortName(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"us-west-2": "usw2", "eu-central-1": "euc1", "ap-southeast-2": "apse2", "us-gov-west-1": "usgw1",
		"cn-north-1":   "cnn1",
		"ca-central-1": "cac1", "me-south-1": "mes1", "ap-northeast-3": "apne3",
	} {
		if got := ZonePrefix(region); got != want {
			t.Errorf("%s: %s, want %s", region, got, want)
		}
	}
}
