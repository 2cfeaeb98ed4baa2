// SPDX-License-Identifier: Apache-2.0
package pawl;

import jakarta.persistence.Entity;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.GenerationType;
import jakarta.persistence.Id;
import jakarta.persistence.SequenceGenerator;

/** An entity as Hibernate's documentation has it: blocks of 50, which is also the default. */
@Entity
public class Order {
    @Id
    @GeneratedValue(strategy = GenerationType.SEQUENCE, generator = "orders")
    @SequenceGenerator(name = "orders", sequenceName = "hibernate_orders_seq", allocationSize = 50)
    public Long id;
}
