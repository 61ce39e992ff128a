-- People write tax and company numbers with and without country prefix and leading zeros: what is compared stands
-- beside what is shown.
ALTER TABLE suppliers ADD COLUMN folded_vat TEXT;
ALTER TABLE suppliers ADD COLUMN folded_company TEXT;
DROP INDEX suppliers_vat;
DROP INDEX suppliers_company;
CREATE INDEX suppliers_folded_vat ON suppliers (org_id, folded_vat);
CREATE INDEX suppliers_folded_company ON suppliers (org_id, folded_company);
