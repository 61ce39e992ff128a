-- People write tax and company numbers with and without country prefix and leading zeros: what is compared stands
-- beside what is shown.
ALTER TABLE suppliers ADD COLUMN folded_vat TEXT COLLATE "C";
ALTER TABLE suppliers ADD COLUMN folded_company TEXT COLLATE "C";
DROP INDEX suppliers_vat;
DROP INDEX suppliers_company;
CREATE INDEX suppliers_folded_vat ON suppliers (org_id, folded_vat);
CREATE INDEX suppliers_folded_company ON suppliers (org_id, folded_company);

-- The directory asks by value and wants the supplier: with the supplier in the index the planner never prefers to
-- walk all suppliers of the organisation along the primary key.
DROP INDEX supplier_aliases_folded;
DROP INDEX supplier_domains_domain;
DROP INDEX supplier_emails_folded;
CREATE INDEX supplier_aliases_folded ON supplier_aliases (org_id, folded, supplier_id);
CREATE INDEX supplier_domains_domain ON supplier_domains (org_id, domain, supplier_id);
CREATE INDEX supplier_emails_folded ON supplier_emails (org_id, folded, supplier_id);
